-- native exposures: read
SELECT `exposures`.`id` AS row_key, `exposures`.`time_uuid` AS time_uuid, `exposures`.`user_id` AS user_id, `exposures`.`user` AS user, `exposures`.`metadata` AS metadata, `exposures`.`statsig_metadata` AS statsig_metadata, `exposures`.`timestamp` AS timestamp, `exposures`.`exposure_type` AS exposure_type, `exposures`.`name` AS name, `exposures`.`rule_id` AS rule_id, `exposures`.`gate_value` AS gate_value, `exposures`.`group_name` AS group_name, `exposures`.`reason` AS reason, `exposures`.`unit_type` AS unit_type
FROM `exposures`
WHERE `exposures`.`ingested_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `exposures`.`ingested_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- native exposures: read config_exposure
SELECT `exposures`.`id` AS row_key, `exposures`.`time_uuid` AS time_uuid, `exposures`.`user_id` AS user_id, `exposures`.`user` AS user, `exposures`.`metadata` AS metadata, `exposures`.`statsig_metadata` AS statsig_metadata, `exposures`.`timestamp` AS timestamp, `exposures`.`exposure_type` AS exposure_type, `exposures`.`name` AS name, `exposures`.`rule_id` AS rule_id, `exposures`.`gate_value` AS gate_value, `exposures`.`group_name` AS group_name, `exposures`.`reason` AS reason, `exposures`.`unit_type` AS unit_type
FROM `exposures`
WHERE `exposures`.`ingested_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `exposures`.`ingested_at` < CAST('2026-11-02 00:00:00' AS DATETIME) AND `exposures`.`exposure_type` IN ('config', 'dynamic_config', 'get_config');

-- native exposures: read gate_exposure
SELECT `exposures`.`id` AS row_key, `exposures`.`time_uuid` AS time_uuid, `exposures`.`user_id` AS user_id, `exposures`.`user` AS user, `exposures`.`metadata` AS metadata, `exposures`.`statsig_metadata` AS statsig_metadata, `exposures`.`timestamp` AS timestamp, `exposures`.`exposure_type` AS exposure_type, `exposures`.`name` AS name, `exposures`.`rule_id` AS rule_id, `exposures`.`gate_value` AS gate_value, `exposures`.`group_name` AS group_name, `exposures`.`reason` AS reason, `exposures`.`unit_type` AS unit_type
FROM `exposures`
WHERE `exposures`.`ingested_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `exposures`.`ingested_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- native exposures: hash known texts
SELECT substr(md5(lower(CAST('statsig-EXPORT' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_0, substr(md5(lower(CAST('0191d0e0-7d3c-7abc-8def-AB12CD34EF56' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_1, substr(md5(lower(CAST('Iiäßž' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_2, lpad(lower(hex(0)), 15, '0') AS probe_3, lpad(lower(hex(576460752303423743)), 15, '0') AS probe_4;

-- native exposures: rows of a shard
SELECT `exposures`.`id` AS row_key, `exposures`.`time_uuid` AS time_uuid, `exposures`.`user_id` AS user_id, `exposures`.`user` AS user, `exposures`.`metadata` AS metadata, `exposures`.`statsig_metadata` AS statsig_metadata, `exposures`.`timestamp` AS timestamp, `exposures`.`exposure_type` AS exposure_type, `exposures`.`name` AS name, `exposures`.`rule_id` AS rule_id, `exposures`.`gate_value` AS gate_value, `exposures`.`group_name` AS group_name, `exposures`.`reason` AS reason, `exposures`.`unit_type` AS unit_type
FROM `exposures`
WHERE substr(md5(lower(CAST(coalesce(nullif(`exposures`.`time_uuid`, ''), CASE WHEN (`exposures`.`id` >= 0 AND `exposures`.`id` <= 1152921504606846975) THEN concat('0a1b2c3d-4e5f-8a6b-9', substr(lpad(lower(hex(`exposures`.`id`)), 15, '0'), 1, 3), '-', substr(lpad(lower(hex(`exposures`.`id`)), 15, '0'), 4, 12)) END) AS CHAR CHARACTER SET utf8mb4))), 1, 2) IN ('a0', 'a1', 'a2') OR nullif(`exposures`.`time_uuid`, '') IS NULL AND (`exposures`.`id` IS NULL OR `exposures`.`id` < 0 OR `exposures`.`id` > 1152921504606846975);

-- native exposures: count
SELECT count(*) AS count_1
FROM `exposures`
WHERE `exposures`.`ingested_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `exposures`.`ingested_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (`exposures`.`ingested_at` IS NULL OR `exposures`.`ingested_at` < '0001-01-01') THEN 0 WHEN (`exposures`.`ingested_at` < CAST('2026-11-01 00:00:00' AS DATETIME)) THEN 1 WHEN (`exposures`.`ingested_at` >= CAST('2026-11-02 00:00:00' AS DATETIME)) THEN 2 END AS part
FROM `exposures`
WHERE `exposures`.`ingested_at` IS NULL OR `exposures`.`ingested_at` < '0001-01-01' OR `exposures`.`ingested_at` < CAST('2026-11-01 00:00:00' AS DATETIME) OR `exposures`.`ingested_at` >= CAST('2026-11-02 00:00:00' AS DATETIME)) AS counted GROUP BY counted.part;

-- native custom_events: read
SELECT `custom_events`.`id` AS row_key, `custom_events`.`time_uuid` AS time_uuid, `custom_events`.`user_id` AS user_id, `custom_events`.`user` AS user, `custom_events`.`metadata` AS metadata, `custom_events`.`statsig_metadata` AS statsig_metadata, `custom_events`.`timestamp` AS timestamp, `custom_events`.`event_name` AS event_name, `custom_events`.`value` AS value
FROM `custom_events`
WHERE `custom_events`.`ingested_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `custom_events`.`ingested_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- native custom_events: read config_change
SELECT `custom_events`.`id` AS row_key, `custom_events`.`time_uuid` AS time_uuid, `custom_events`.`user_id` AS user_id, `custom_events`.`user` AS user, `custom_events`.`metadata` AS metadata, `custom_events`.`statsig_metadata` AS statsig_metadata, `custom_events`.`timestamp` AS timestamp, `custom_events`.`event_name` AS event_name, `custom_events`.`value` AS value
FROM `custom_events`
WHERE `custom_events`.`ingested_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `custom_events`.`ingested_at` < CAST('2026-11-02 00:00:00' AS DATETIME) AND `custom_events`.`event_name` IN ('statsig::config_change');

-- native custom_events: read custom_event
SELECT `custom_events`.`id` AS row_key, `custom_events`.`time_uuid` AS time_uuid, `custom_events`.`user_id` AS user_id, `custom_events`.`user` AS user, `custom_events`.`metadata` AS metadata, `custom_events`.`statsig_metadata` AS statsig_metadata, `custom_events`.`timestamp` AS timestamp, `custom_events`.`event_name` AS event_name, `custom_events`.`value` AS value
FROM `custom_events`
WHERE `custom_events`.`ingested_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `custom_events`.`ingested_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- native custom_events: hash known texts
SELECT substr(md5(lower(CAST('statsig-EXPORT' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_0, substr(md5(lower(CAST('0191d0e0-7d3c-7abc-8def-AB12CD34EF56' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_1, substr(md5(lower(CAST('Iiäßž' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_2, lpad(lower(hex(0)), 15, '0') AS probe_3, lpad(lower(hex(576460752303423743)), 15, '0') AS probe_4;

-- native custom_events: rows of a shard
SELECT `custom_events`.`id` AS row_key, `custom_events`.`time_uuid` AS time_uuid, `custom_events`.`user_id` AS user_id, `custom_events`.`user` AS user, `custom_events`.`metadata` AS metadata, `custom_events`.`statsig_metadata` AS statsig_metadata, `custom_events`.`timestamp` AS timestamp, `custom_events`.`event_name` AS event_name, `custom_events`.`value` AS value
FROM `custom_events`
WHERE substr(md5(lower(CAST(coalesce(nullif(`custom_events`.`time_uuid`, ''), CASE WHEN (`custom_events`.`id` >= 0 AND `custom_events`.`id` <= 1152921504606846975) THEN concat('0a1b2c3d-4e5f-8a6b-9', substr(lpad(lower(hex(`custom_events`.`id`)), 15, '0'), 1, 3), '-', substr(lpad(lower(hex(`custom_events`.`id`)), 15, '0'), 4, 12)) END) AS CHAR CHARACTER SET utf8mb4))), 1, 2) IN ('a0', 'a1', 'a2') OR nullif(`custom_events`.`time_uuid`, '') IS NULL AND (`custom_events`.`id` IS NULL OR `custom_events`.`id` < 0 OR `custom_events`.`id` > 1152921504606846975);

-- native custom_events: count
SELECT count(*) AS count_1
FROM `custom_events`
WHERE `custom_events`.`ingested_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `custom_events`.`ingested_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (`custom_events`.`ingested_at` IS NULL OR `custom_events`.`ingested_at` < '0001-01-01') THEN 0 WHEN (`custom_events`.`ingested_at` < CAST('2026-11-01 00:00:00' AS DATETIME)) THEN 1 WHEN (`custom_events`.`ingested_at` >= CAST('2026-11-02 00:00:00' AS DATETIME)) THEN 2 END AS part
FROM `custom_events`
WHERE `custom_events`.`ingested_at` IS NULL OR `custom_events`.`ingested_at` < '0001-01-01' OR `custom_events`.`ingested_at` < CAST('2026-11-01 00:00:00' AS DATETIME) OR `custom_events`.`ingested_at` >= CAST('2026-11-02 00:00:00' AS DATETIME)) AS counted GROUP BY counted.part;

-- sdk_log sdk_events: read
SELECT `sdk_events`.`id` AS row_key, `sdk_events`.`event` AS event, `sdk_events`.`statsig_metadata` AS statsig_metadata, `sdk_events`.`received_at` AS received_at
FROM `sdk_events`
WHERE `sdk_events`.`received_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `sdk_events`.`received_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- sdk_log sdk_events: read gate_exposure
SELECT `sdk_events`.`id` AS row_key, `sdk_events`.`event` AS event, `sdk_events`.`statsig_metadata` AS statsig_metadata, `sdk_events`.`received_at` AS received_at
FROM `sdk_events`
WHERE `sdk_events`.`received_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `sdk_events`.`received_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- sdk_log sdk_events: read custom_event
SELECT `sdk_events`.`id` AS row_key, `sdk_events`.`event` AS event, `sdk_events`.`statsig_metadata` AS statsig_metadata, `sdk_events`.`received_at` AS received_at
FROM `sdk_events`
WHERE `sdk_events`.`received_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `sdk_events`.`received_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- sdk_log sdk_events: hash known texts
SELECT substr(md5(lower(CAST('statsig-EXPORT' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_0, substr(md5(lower(CAST('0191d0e0-7d3c-7abc-8def-AB12CD34EF56' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_1, substr(md5(lower(CAST('Iiäßž' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_2, lpad(lower(hex(0)), 15, '0') AS probe_3, lpad(lower(hex(576460752303423743)), 15, '0') AS probe_4;

-- sdk_log sdk_events: rows of a shard
SELECT `sdk_events`.`id` AS row_key, `sdk_events`.`event` AS event, `sdk_events`.`statsig_metadata` AS statsig_metadata, `sdk_events`.`received_at` AS received_at
FROM `sdk_events`
WHERE substr(md5(lower(CAST(CASE WHEN (`sdk_events`.`id` >= 0 AND `sdk_events`.`id` <= 1152921504606846975) THEN concat('0a1b2c3d-4e5f-8a6b-9', substr(lpad(lower(hex(`sdk_events`.`id`)), 15, '0'), 1, 3), '-', substr(lpad(lower(hex(`sdk_events`.`id`)), 15, '0'), 4, 12)) END AS CHAR CHARACTER SET utf8mb4))), 1, 2) IN ('a0', 'a1', 'a2') OR `sdk_events`.`id` IS NULL OR `sdk_events`.`id` < 0 OR `sdk_events`.`id` > 1152921504606846975;

-- sdk_log sdk_events: count
SELECT count(*) AS count_1
FROM `sdk_events`
WHERE `sdk_events`.`received_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `sdk_events`.`received_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- sdk_log sdk_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (`sdk_events`.`received_at` IS NULL OR `sdk_events`.`received_at` < '0001-01-01') THEN 0 WHEN (`sdk_events`.`received_at` < CAST('2026-11-01 00:00:00' AS DATETIME)) THEN 1 WHEN (`sdk_events`.`received_at` >= CAST('2026-11-02 00:00:00' AS DATETIME)) THEN 2 END AS part
FROM `sdk_events`
WHERE `sdk_events`.`received_at` IS NULL OR `sdk_events`.`received_at` < '0001-01-01' OR `sdk_events`.`received_at` < CAST('2026-11-01 00:00:00' AS DATETIME) OR `sdk_events`.`received_at` >= CAST('2026-11-02 00:00:00' AS DATETIME)) AS counted GROUP BY counted.part;

-- statsig_events statsig_events: read
SELECT `statsig_events`.`record_number` AS row_key, `statsig_events`.`timeuuid` AS time_uuid, `statsig_events`.`event_name` AS event_name, `statsig_events`.`user` AS user, `statsig_events`.`event_value` AS value, `statsig_events`.`event_metadata` AS metadata, CAST(`statsig_events`.`time` AS CHAR) AS timestamp
FROM `statsig_events`
WHERE `statsig_events`.`time` >= 1793491200 AND `statsig_events`.`time` < 1793577600 OR `statsig_events`.`time` >= 1793491200000 AND `statsig_events`.`time` < 1793577600000 OR `statsig_events`.`time` >= 1793491200000000 AND `statsig_events`.`time` < 1793577600000000 OR `statsig_events`.`time` >= 1793491200000000000 AND `statsig_events`.`time` < 1793577600000000000;

-- statsig_events statsig_events: read gate_exposure
SELECT `statsig_events`.`record_number` AS row_key, `statsig_events`.`timeuuid` AS time_uuid, `statsig_events`.`event_name` AS event_name, `statsig_events`.`user` AS user, `statsig_events`.`event_value` AS value, `statsig_events`.`event_metadata` AS metadata, CAST(`statsig_events`.`time` AS CHAR) AS timestamp
FROM `statsig_events`
WHERE (`statsig_events`.`time` >= 1793491200 AND `statsig_events`.`time` < 1793577600 OR `statsig_events`.`time` >= 1793491200000 AND `statsig_events`.`time` < 1793577600000 OR `statsig_events`.`time` >= 1793491200000000 AND `statsig_events`.`time` < 1793577600000000 OR `statsig_events`.`time` >= 1793491200000000000 AND `statsig_events`.`time` < 1793577600000000000) AND `statsig_events`.`event_name` IN ('statsig::gate_exposure');

-- statsig_events statsig_events: read custom_event
SELECT `statsig_events`.`record_number` AS row_key, `statsig_events`.`timeuuid` AS time_uuid, `statsig_events`.`event_name` AS event_name, `statsig_events`.`user` AS user, `statsig_events`.`event_value` AS value, `statsig_events`.`event_metadata` AS metadata, CAST(`statsig_events`.`time` AS CHAR) AS timestamp
FROM `statsig_events`
WHERE `statsig_events`.`time` >= 1793491200 AND `statsig_events`.`time` < 1793577600 OR `statsig_events`.`time` >= 1793491200000 AND `statsig_events`.`time` < 1793577600000 OR `statsig_events`.`time` >= 1793491200000000 AND `statsig_events`.`time` < 1793577600000000 OR `statsig_events`.`time` >= 1793491200000000000 AND `statsig_events`.`time` < 1793577600000000000;

-- statsig_events statsig_events: hash known texts
SELECT substr(md5(lower(CAST('statsig-EXPORT' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_0, substr(md5(lower(CAST('0191d0e0-7d3c-7abc-8def-AB12CD34EF56' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_1, substr(md5(lower(CAST('Iiäßž' AS CHAR CHARACTER SET utf8mb4))), 1, 2) AS probe_2, lpad(lower(hex(0)), 15, '0') AS probe_3, lpad(lower(hex(576460752303423743)), 15, '0') AS probe_4;

-- statsig_events statsig_events: rows of a shard
SELECT `statsig_events`.`record_number` AS row_key, `statsig_events`.`timeuuid` AS time_uuid, `statsig_events`.`event_name` AS event_name, `statsig_events`.`user` AS user, `statsig_events`.`event_value` AS value, `statsig_events`.`event_metadata` AS metadata, CAST(`statsig_events`.`time` AS CHAR) AS timestamp
FROM `statsig_events`
WHERE substr(md5(lower(CAST(coalesce(nullif(`statsig_events`.`timeuuid`, ''), CASE WHEN (`statsig_events`.`record_number` >= 0 AND `statsig_events`.`record_number` <= 1152921504606846975) THEN concat('0a1b2c3d-4e5f-8a6b-9', substr(lpad(lower(hex(`statsig_events`.`record_number`)), 15, '0'), 1, 3), '-', substr(lpad(lower(hex(`statsig_events`.`record_number`)), 15, '0'), 4, 12)) END) AS CHAR CHARACTER SET utf8mb4))), 1, 2) IN ('a0', 'a1', 'a2') OR nullif(`statsig_events`.`timeuuid`, '') IS NULL AND (`statsig_events`.`record_number` IS NULL OR `statsig_events`.`record_number` < 0 OR `statsig_events`.`record_number` > 1152921504606846975);

-- statsig_events statsig_events: count
SELECT count(*) AS count_1
FROM `statsig_events`
WHERE `statsig_events`.`time` >= 1793491200 AND `statsig_events`.`time` < 1793577600 OR `statsig_events`.`time` >= 1793491200000 AND `statsig_events`.`time` < 1793577600000 OR `statsig_events`.`time` >= 1793491200000000 AND `statsig_events`.`time` < 1793577600000000 OR `statsig_events`.`time` >= 1793491200000000000 AND `statsig_events`.`time` < 1793577600000000000;

-- statsig_events statsig_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (`statsig_events`.`time` IS NULL OR `statsig_events`.`time` < 0) THEN 0 WHEN (`statsig_events`.`time` >= 0 AND `statsig_events`.`time` < 1793491200 OR `statsig_events`.`time` >= 100000000000 AND `statsig_events`.`time` < 1793491200000 OR `statsig_events`.`time` >= 100000000000000 AND `statsig_events`.`time` < 1793491200000000 OR `statsig_events`.`time` >= 100000000000000000 AND `statsig_events`.`time` < 1793491200000000000) THEN 1 WHEN (`statsig_events`.`time` >= 1793577600 AND `statsig_events`.`time` < 100000000000 OR `statsig_events`.`time` >= 1793577600000 AND `statsig_events`.`time` < 100000000000000 OR `statsig_events`.`time` >= 1793577600000000 AND `statsig_events`.`time` < 100000000000000000 OR `statsig_events`.`time` >= 1793577600000000000) THEN 2 END AS part
FROM `statsig_events`
WHERE `statsig_events`.`time` IS NULL OR `statsig_events`.`time` < 0 OR `statsig_events`.`time` >= 0 AND `statsig_events`.`time` < 1793491200 OR `statsig_events`.`time` >= 100000000000 AND `statsig_events`.`time` < 1793491200000 OR `statsig_events`.`time` >= 100000000000000 AND `statsig_events`.`time` < 1793491200000000 OR `statsig_events`.`time` >= 100000000000000000 AND `statsig_events`.`time` < 1793491200000000000 OR `statsig_events`.`time` >= 1793577600 AND `statsig_events`.`time` < 100000000000 OR `statsig_events`.`time` >= 1793577600000 AND `statsig_events`.`time` < 100000000000000 OR `statsig_events`.`time` >= 1793577600000000 AND `statsig_events`.`time` < 100000000000000000 OR `statsig_events`.`time` >= 1793577600000000000) AS counted GROUP BY counted.part;

-- cloud_exports exposures: read
SELECT `exposures`.`exposure_type` AS exposure_type, `exposures`.`name` AS name, `exposures`.`rule` AS rule_id, `exposures`.`experiment_group` AS group_name, `exposures`.`unit_id` AS unit_id, `exposures`.`unit_type` AS unit_type, `exposures`.`user_dimensions` AS user_dimensions, `exposures`.`first_exposure_utc` AS timestamp
FROM `exposures`
WHERE `exposures`.`inserted_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `exposures`.`inserted_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- cloud_exports exposures: read config_exposure
SELECT `exposures`.`exposure_type` AS exposure_type, `exposures`.`name` AS name, `exposures`.`rule` AS rule_id, `exposures`.`experiment_group` AS group_name, `exposures`.`unit_id` AS unit_id, `exposures`.`unit_type` AS unit_type, `exposures`.`user_dimensions` AS user_dimensions, `exposures`.`first_exposure_utc` AS timestamp
FROM `exposures`
WHERE `exposures`.`inserted_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `exposures`.`inserted_at` < CAST('2026-11-02 00:00:00' AS DATETIME) AND `exposures`.`exposure_type` IN ('config', 'dynamic_config', 'get_config');

-- cloud_exports exposures: read gate_exposure
SELECT `exposures`.`exposure_type` AS exposure_type, `exposures`.`name` AS name, `exposures`.`rule` AS rule_id, `exposures`.`experiment_group` AS group_name, `exposures`.`unit_id` AS unit_id, `exposures`.`unit_type` AS unit_type, `exposures`.`user_dimensions` AS user_dimensions, `exposures`.`first_exposure_utc` AS timestamp
FROM `exposures`
WHERE `exposures`.`inserted_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `exposures`.`inserted_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- cloud_exports exposures: count
SELECT count(*) AS count_1
FROM `exposures`
WHERE `exposures`.`inserted_at` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `exposures`.`inserted_at` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- cloud_exports exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (`exposures`.`inserted_at` IS NULL OR `exposures`.`inserted_at` < '0001-01-01') THEN 0 WHEN (`exposures`.`inserted_at` < CAST('2026-11-01 00:00:00' AS DATETIME)) THEN 1 WHEN (`exposures`.`inserted_at` >= CAST('2026-11-02 00:00:00' AS DATETIME)) THEN 2 END AS part
FROM `exposures`
WHERE `exposures`.`inserted_at` IS NULL OR `exposures`.`inserted_at` < '0001-01-01' OR `exposures`.`inserted_at` < CAST('2026-11-01 00:00:00' AS DATETIME) OR `exposures`.`inserted_at` >= CAST('2026-11-02 00:00:00' AS DATETIME)) AS counted GROUP BY counted.part;

-- cloud_exports custom_events: read
SELECT `events`.`event_name` AS event_name, `events`.`event_value` AS value, `events`.`user_object` AS user, `events`.`statsig_metadata` AS statsig_metadata, `events`.`company_metadata` AS metadata, `events`.`timestamp` AS timestamp, `events`.`user_id` AS `unit_userID`, `events`.`stable_id` AS `unit_stableID`, `events`.`custom_ids` AS custom_ids
FROM `events`
WHERE `events`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `events`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- cloud_exports custom_events: read config_change
SELECT `events`.`event_name` AS event_name, `events`.`event_value` AS value, `events`.`user_object` AS user, `events`.`statsig_metadata` AS statsig_metadata, `events`.`company_metadata` AS metadata, `events`.`timestamp` AS timestamp, `events`.`user_id` AS `unit_userID`, `events`.`stable_id` AS `unit_stableID`, `events`.`custom_ids` AS custom_ids
FROM `events`
WHERE `events`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `events`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME) AND `events`.`event_name` IN ('statsig::config_change');

-- cloud_exports custom_events: read custom_event
SELECT `events`.`event_name` AS event_name, `events`.`event_value` AS value, `events`.`user_object` AS user, `events`.`statsig_metadata` AS statsig_metadata, `events`.`company_metadata` AS metadata, `events`.`timestamp` AS timestamp, `events`.`user_id` AS `unit_userID`, `events`.`stable_id` AS `unit_stableID`, `events`.`custom_ids` AS custom_ids
FROM `events`
WHERE `events`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `events`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- cloud_exports custom_events: count
SELECT count(*) AS count_1
FROM `events`
WHERE `events`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `events`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- cloud_exports custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (`events`.`timestamp` IS NULL OR `events`.`timestamp` < '0001-01-01') THEN 0 WHEN (`events`.`timestamp` < CAST('2026-11-01 00:00:00' AS DATETIME)) THEN 1 WHEN (`events`.`timestamp` >= CAST('2026-11-02 00:00:00' AS DATETIME)) THEN 2 END AS part
FROM `events`
WHERE `events`.`timestamp` IS NULL OR `events`.`timestamp` < '0001-01-01' OR `events`.`timestamp` < CAST('2026-11-01 00:00:00' AS DATETIME) OR `events`.`timestamp` >= CAST('2026-11-02 00:00:00' AS DATETIME)) AS counted GROUP BY counted.part;

-- warehouse_native exposures: read
SELECT `statsig_forwarded_exposures`.`experiment_id` AS name, `statsig_forwarded_exposures`.`group_id` AS rule_id, `statsig_forwarded_exposures`.`group_name` AS group_name, `statsig_forwarded_exposures`.`user_dimensions` AS user_dimensions, `statsig_forwarded_exposures`.`timestamp` AS timestamp, `statsig_forwarded_exposures`.`user_id` AS `unit_userID`, `statsig_forwarded_exposures`.`stable_id` AS `unit_stableID`
FROM `statsig_forwarded_exposures`
WHERE `statsig_forwarded_exposures`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `statsig_forwarded_exposures`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- warehouse_native exposures: read gate_exposure
SELECT `statsig_forwarded_exposures`.`experiment_id` AS name, `statsig_forwarded_exposures`.`group_id` AS rule_id, `statsig_forwarded_exposures`.`group_name` AS group_name, `statsig_forwarded_exposures`.`user_dimensions` AS user_dimensions, `statsig_forwarded_exposures`.`timestamp` AS timestamp, `statsig_forwarded_exposures`.`user_id` AS `unit_userID`, `statsig_forwarded_exposures`.`stable_id` AS `unit_stableID`
FROM `statsig_forwarded_exposures`
WHERE `statsig_forwarded_exposures`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `statsig_forwarded_exposures`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- warehouse_native exposures: read experiment_exposure
SELECT `statsig_forwarded_exposures`.`experiment_id` AS name, `statsig_forwarded_exposures`.`group_id` AS rule_id, `statsig_forwarded_exposures`.`group_name` AS group_name, `statsig_forwarded_exposures`.`user_dimensions` AS user_dimensions, `statsig_forwarded_exposures`.`timestamp` AS timestamp, `statsig_forwarded_exposures`.`user_id` AS `unit_userID`, `statsig_forwarded_exposures`.`stable_id` AS `unit_stableID`
FROM `statsig_forwarded_exposures`
WHERE `statsig_forwarded_exposures`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `statsig_forwarded_exposures`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- warehouse_native exposures: count
SELECT count(*) AS count_1
FROM `statsig_forwarded_exposures`
WHERE `statsig_forwarded_exposures`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `statsig_forwarded_exposures`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- warehouse_native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (`statsig_forwarded_exposures`.`timestamp` IS NULL OR `statsig_forwarded_exposures`.`timestamp` < '0001-01-01') THEN 0 WHEN (`statsig_forwarded_exposures`.`timestamp` < CAST('2026-11-01 00:00:00' AS DATETIME)) THEN 1 WHEN (`statsig_forwarded_exposures`.`timestamp` >= CAST('2026-11-02 00:00:00' AS DATETIME)) THEN 2 END AS part
FROM `statsig_forwarded_exposures`
WHERE `statsig_forwarded_exposures`.`timestamp` IS NULL OR `statsig_forwarded_exposures`.`timestamp` < '0001-01-01' OR `statsig_forwarded_exposures`.`timestamp` < CAST('2026-11-01 00:00:00' AS DATETIME) OR `statsig_forwarded_exposures`.`timestamp` >= CAST('2026-11-02 00:00:00' AS DATETIME)) AS counted GROUP BY counted.part;

-- warehouse_native custom_events: read
SELECT `statsig_forwarded_events`.`event_name` AS event_name, `statsig_forwarded_events`.`event_value` AS value, `statsig_forwarded_events`.`user_object` AS user, `statsig_forwarded_events`.`statsig_metadata` AS statsig_metadata, `statsig_forwarded_events`.`company_metadata` AS metadata, `statsig_forwarded_events`.`timestamp` AS timestamp, `statsig_forwarded_events`.`user_id` AS `unit_userID`, `statsig_forwarded_events`.`stable_id` AS `unit_stableID`
FROM `statsig_forwarded_events`
WHERE `statsig_forwarded_events`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `statsig_forwarded_events`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- warehouse_native custom_events: read config_change
SELECT `statsig_forwarded_events`.`event_name` AS event_name, `statsig_forwarded_events`.`event_value` AS value, `statsig_forwarded_events`.`user_object` AS user, `statsig_forwarded_events`.`statsig_metadata` AS statsig_metadata, `statsig_forwarded_events`.`company_metadata` AS metadata, `statsig_forwarded_events`.`timestamp` AS timestamp, `statsig_forwarded_events`.`user_id` AS `unit_userID`, `statsig_forwarded_events`.`stable_id` AS `unit_stableID`
FROM `statsig_forwarded_events`
WHERE `statsig_forwarded_events`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `statsig_forwarded_events`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME) AND `statsig_forwarded_events`.`event_name` IN ('statsig::config_change');

-- warehouse_native custom_events: read custom_event
SELECT `statsig_forwarded_events`.`event_name` AS event_name, `statsig_forwarded_events`.`event_value` AS value, `statsig_forwarded_events`.`user_object` AS user, `statsig_forwarded_events`.`statsig_metadata` AS statsig_metadata, `statsig_forwarded_events`.`company_metadata` AS metadata, `statsig_forwarded_events`.`timestamp` AS timestamp, `statsig_forwarded_events`.`user_id` AS `unit_userID`, `statsig_forwarded_events`.`stable_id` AS `unit_stableID`
FROM `statsig_forwarded_events`
WHERE `statsig_forwarded_events`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `statsig_forwarded_events`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- warehouse_native custom_events: count
SELECT count(*) AS count_1
FROM `statsig_forwarded_events`
WHERE `statsig_forwarded_events`.`timestamp` >= CAST('2026-11-01 00:00:00' AS DATETIME) AND `statsig_forwarded_events`.`timestamp` < CAST('2026-11-02 00:00:00' AS DATETIME);

-- warehouse_native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (`statsig_forwarded_events`.`timestamp` IS NULL OR `statsig_forwarded_events`.`timestamp` < '0001-01-01') THEN 0 WHEN (`statsig_forwarded_events`.`timestamp` < CAST('2026-11-01 00:00:00' AS DATETIME)) THEN 1 WHEN (`statsig_forwarded_events`.`timestamp` >= CAST('2026-11-02 00:00:00' AS DATETIME)) THEN 2 END AS part
FROM `statsig_forwarded_events`
WHERE `statsig_forwarded_events`.`timestamp` IS NULL OR `statsig_forwarded_events`.`timestamp` < '0001-01-01' OR `statsig_forwarded_events`.`timestamp` < CAST('2026-11-01 00:00:00' AS DATETIME) OR `statsig_forwarded_events`.`timestamp` >= CAST('2026-11-02 00:00:00' AS DATETIME)) AS counted GROUP BY counted.part;

