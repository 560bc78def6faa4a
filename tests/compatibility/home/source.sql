BEGIN TRANSACTION;
CREATE TABLE custom_events (
	id INTEGER NOT NULL, 
	time_uuid TEXT, 
	event_name TEXT, 
	user_id TEXT, 
	user JSON, 
	value TEXT, 
	metadata JSON, 
	statsig_metadata JSON, 
	timestamp DATETIME, 
	ingested_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "custom_events" VALUES(1,NULL,'page_view','user-1','{"userID": "user-1"}','1','{"page": "/"}','{}','2026-11-02 12:00:00.000000','2026-11-02 12:00:01.000000');
INSERT INTO "custom_events" VALUES(2,NULL,'page_view','user-2','{"userID": "user-2"}','1','{"page": "/"}','{}','2026-11-02 12:00:00.000000','2026-11-02 12:00:02.000000');
INSERT INTO "custom_events" VALUES(10,NULL,'page_view','user-10','{"userID": "user-10"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:10.000000');
INSERT INTO "custom_events" VALUES(11,NULL,'page_view','user-11','{"userID": "user-11"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:11.000000');
INSERT INTO "custom_events" VALUES(12,NULL,'page_view','user-12','{"userID": "user-12"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:12.000000');
INSERT INTO "custom_events" VALUES(13,NULL,'page_view','user-13','{"userID": "user-13"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:13.000000');
INSERT INTO "custom_events" VALUES(14,NULL,'page_view','user-14','{"userID": "user-14"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:14.000000');
INSERT INTO "custom_events" VALUES(15,NULL,'page_view','user-15','{"userID": "user-15"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:15.000000');
INSERT INTO "custom_events" VALUES(16,NULL,'debug_ping','user-16','{"userID": "user-16"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:16.000000');
INSERT INTO "custom_events" VALUES(17,NULL,NULL,'user-17','{"userID": "user-17"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:17.000000');
INSERT INTO "custom_events" VALUES(18,NULL,'statsig::config_change','user-18','{"userID": "user-18"}','1','{"page": "/"}','{}','2026-11-19 12:00:00.000000','2026-11-19 12:00:18.000000');
INSERT INTO "custom_events" VALUES(20,NULL,'page_view','user-20','{"userID": "user-20"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:20.000000');
INSERT INTO "custom_events" VALUES(21,NULL,'poison','user-21','{"userID": "user-21"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:21.000000');
INSERT INTO "custom_events" VALUES(22,NULL,'page_view','user-22','{"userID": "user-22"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:22.000000');
INSERT INTO "custom_events" VALUES(23,NULL,'page_view','user-23','{"userID": "user-23"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:23.000000');
INSERT INTO "custom_events" VALUES(24,NULL,'page_view','user-24','{"userID": "user-24"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:24.000000');
INSERT INTO "custom_events" VALUES(25,NULL,'unlucky','user-25','{"userID": "user-25"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:25.000000');
INSERT INTO "custom_events" VALUES(26,NULL,'page_view','user-26','{"userID": "user-26"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:26.000000');
INSERT INTO "custom_events" VALUES(27,NULL,'page_view','user-27','{"userID": "user-27"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:27.000000');
INSERT INTO "custom_events" VALUES(28,NULL,'page_view','user-28','{"userID": "user-28"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:28.000000');
INSERT INTO "custom_events" VALUES(29,NULL,'page_view','user-29','{"userID": "user-29"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:29.000000');
INSERT INTO "custom_events" VALUES(30,NULL,'page_view','user-30','{"userID": "user-30"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:30.000000');
INSERT INTO "custom_events" VALUES(31,NULL,'page_view','user-31','{"userID": "user-31"}','1','{"page": "/"}','{}','2026-11-20 12:00:00.000000','2026-11-20 12:00:31.000000');
CREATE TABLE exposures (
	id INTEGER NOT NULL, 
	time_uuid TEXT, 
	exposure_type TEXT, 
	name TEXT, 
	rule_id TEXT, 
	gate_value BOOLEAN, 
	group_name TEXT, 
	reason TEXT, 
	unit_type TEXT, 
	user_id TEXT, 
	user JSON, 
	metadata JSON, 
	statsig_metadata JSON, 
	timestamp DATETIME, 
	ingested_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "exposures" VALUES(1,NULL,'gate','new_checkout','rule',1,NULL,NULL,'userID','user-1','{"userID": "user-1"}',NULL,NULL,'2026-11-02 12:00:00.000000','2026-11-02 12:00:00.000000');
INSERT INTO "exposures" VALUES(2,NULL,'gate','new_checkout','rule',1,NULL,NULL,'userID','user-2','{"userID": "user-2"}',NULL,NULL,'2026-11-19 12:00:00.000000','2026-11-19 12:00:00.000000');
INSERT INTO "exposures" VALUES(3,NULL,'gate','new_checkout','rule',1,NULL,NULL,'userID','user-3','{"userID": "user-3"}',NULL,NULL,'2026-11-19 12:00:00.000000','2026-11-19 12:00:00.000000');
INSERT INTO "exposures" VALUES(4,NULL,'gate','new_checkout','rule',1,NULL,NULL,'userID','user-4','{"userID": "user-4"}',NULL,NULL,'2026-11-19 12:00:00.000000','2026-11-19 12:00:00.000000');
INSERT INTO "exposures" VALUES(5,NULL,'gate','new_checkout','rule',1,NULL,NULL,'userID','user-5','{"userID": "user-5"}',NULL,NULL,'2026-11-19 12:00:00.000000','2026-11-19 12:00:00.000000');
INSERT INTO "exposures" VALUES(6,NULL,'gate','new_checkout','rule',1,NULL,NULL,'userID','user-6','{"userID": "user-6"}',NULL,NULL,'2026-11-19 12:00:00.000000','2026-11-19 12:00:00.000000');
INSERT INTO "exposures" VALUES(7,NULL,'gate','new_checkout','rule',1,NULL,NULL,'userID','user-7','{"userID": "user-7"}',NULL,NULL,'2026-11-19 12:00:00.000000','2026-11-19 12:00:00.000000');
INSERT INTO "exposures" VALUES(8,NULL,'experiment','new_checkout','rule',NULL,'Test',NULL,'userID','user-8','{"userID": "user-8"}',NULL,NULL,'2026-11-19 12:00:00.000000','2026-11-19 12:00:00.000000');
INSERT INTO "exposures" VALUES(9,NULL,'layer','new_checkout','rule',NULL,'Test',NULL,'userID','user-9','{"userID": "user-9"}',NULL,NULL,'2026-11-19 12:00:00.000000','2026-11-19 12:00:00.000000');
INSERT INTO "exposures" VALUES(10,NULL,'gate','new_checkout','rule',1,NULL,NULL,'userID','user-10','{"userID": "user-10"}',NULL,NULL,'2026-11-20 12:00:00.000000','2026-11-20 12:00:00.000000');
CREATE INDEX exposures_by_ingestion ON exposures (ingested_at, id);
CREATE INDEX custom_events_by_ingestion ON custom_events (ingested_at, id);
COMMIT;
