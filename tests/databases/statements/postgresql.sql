-- native exposures: read
SELECT "exposures"."id" AS row_key, CAST("exposures"."time_uuid" AS TEXT) AS time_uuid, CAST("exposures"."user_id" AS TEXT) AS user_id, CAST("exposures"."user" AS TEXT) AS "user", CAST("exposures"."metadata" AS TEXT) AS metadata, CAST("exposures"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN ("exposures"."timestamp" >= '0001-01-01' AND "exposures"."timestamp" < '9999-12-31') THEN "exposures"."timestamp" END AS timestamp, CAST("exposures"."exposure_type" AS TEXT) AS exposure_type, CAST("exposures"."name" AS TEXT) AS name, CAST("exposures"."rule_id" AS TEXT) AS rule_id, "exposures"."gate_value" AS gate_value, CAST("exposures"."group_name" AS TEXT) AS group_name, CAST("exposures"."reason" AS TEXT) AS reason, CAST("exposures"."unit_type" AS TEXT) AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."ingested_at" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE);

-- native exposures: read config_exposure
SELECT "exposures"."id" AS row_key, CAST("exposures"."time_uuid" AS TEXT) AS time_uuid, CAST("exposures"."user_id" AS TEXT) AS user_id, CAST("exposures"."user" AS TEXT) AS "user", CAST("exposures"."metadata" AS TEXT) AS metadata, CAST("exposures"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN ("exposures"."timestamp" >= '0001-01-01' AND "exposures"."timestamp" < '9999-12-31') THEN "exposures"."timestamp" END AS timestamp, CAST("exposures"."exposure_type" AS TEXT) AS exposure_type, CAST("exposures"."name" AS TEXT) AS name, CAST("exposures"."rule_id" AS TEXT) AS rule_id, "exposures"."gate_value" AS gate_value, CAST("exposures"."group_name" AS TEXT) AS group_name, CAST("exposures"."reason" AS TEXT) AS reason, CAST("exposures"."unit_type" AS TEXT) AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."ingested_at" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."exposure_type" IN ('config', 'dynamic_config', 'get_config');

-- native exposures: read gate_exposure
SELECT "exposures"."id" AS row_key, CAST("exposures"."time_uuid" AS TEXT) AS time_uuid, CAST("exposures"."user_id" AS TEXT) AS user_id, CAST("exposures"."user" AS TEXT) AS "user", CAST("exposures"."metadata" AS TEXT) AS metadata, CAST("exposures"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN ("exposures"."timestamp" >= '0001-01-01' AND "exposures"."timestamp" < '9999-12-31') THEN "exposures"."timestamp" END AS timestamp, CAST("exposures"."exposure_type" AS TEXT) AS exposure_type, CAST("exposures"."name" AS TEXT) AS name, CAST("exposures"."rule_id" AS TEXT) AS rule_id, "exposures"."gate_value" AS gate_value, CAST("exposures"."group_name" AS TEXT) AS group_name, CAST("exposures"."reason" AS TEXT) AS reason, CAST("exposures"."unit_type" AS TEXT) AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."ingested_at" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND ("exposures"."exposure_type" IS NULL OR ("exposures"."exposure_type" NOT IN ('config', 'dynamic_config', 'experiment', 'get_config', 'get_experiment', 'get_layer', 'layer')));

-- native exposures: hash known texts
SELECT substr(md5(lower('statsig-EXPORT' COLLATE "C")), 1, 2) AS probe_0, substr(md5(lower('0191d0e0-7d3c-7abc-8def-AB12CD34EF56' COLLATE "C")), 1, 2) AS probe_1, substr(md5(lower('Iiäßž' COLLATE "C")), 1, 2) AS probe_2, lpad(to_hex(CAST(0 AS BIGINT)), 15, '0') AS probe_3, lpad(to_hex(CAST(576460752303423743 AS BIGINT)), 15, '0') AS probe_4;

-- native exposures: rows of a shard
SELECT "exposures"."id" AS row_key, CAST("exposures"."time_uuid" AS TEXT) AS time_uuid, CAST("exposures"."user_id" AS TEXT) AS user_id, CAST("exposures"."user" AS TEXT) AS "user", CAST("exposures"."metadata" AS TEXT) AS metadata, CAST("exposures"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN ("exposures"."timestamp" >= '0001-01-01' AND "exposures"."timestamp" < '9999-12-31') THEN "exposures"."timestamp" END AS timestamp, CAST("exposures"."exposure_type" AS TEXT) AS exposure_type, CAST("exposures"."name" AS TEXT) AS name, CAST("exposures"."rule_id" AS TEXT) AS rule_id, "exposures"."gate_value" AS gate_value, CAST("exposures"."group_name" AS TEXT) AS group_name, CAST("exposures"."reason" AS TEXT) AS reason, CAST("exposures"."unit_type" AS TEXT) AS unit_type
FROM "exposures"
WHERE substr(md5(lower(coalesce(nullif(CAST("exposures"."time_uuid" AS TEXT), ''), CASE WHEN ("exposures"."id" >= 0 AND "exposures"."id" <= 1152921504606846975) THEN '0a1b2c3d-4e5f-8a6b-9' || substr(lpad(to_hex(CAST("exposures"."id" AS BIGINT)), 15, '0'), 1, 3) || '-' || substr(lpad(to_hex(CAST("exposures"."id" AS BIGINT)), 15, '0'), 4, 12) END) COLLATE "C")), 1, 2) IN ('a0', 'a1', 'a2') OR nullif(CAST("exposures"."time_uuid" AS TEXT), '') IS NULL AND ("exposures"."id" IS NULL OR "exposures"."id" < 0 OR "exposures"."id" > 1152921504606846975);

-- native exposures: count
SELECT count(*) AS count_1
FROM "exposures"
WHERE "exposures"."ingested_at" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."ingested_at" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE);

-- native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("exposures"."ingested_at" IS NULL OR "exposures"."ingested_at" IN ('infinity', '-infinity')) THEN 0 WHEN ("exposures"."ingested_at" < CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) THEN 1 WHEN ("exposures"."ingested_at" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) THEN 2 END AS part
FROM "exposures"
WHERE "exposures"."ingested_at" IS NULL OR "exposures"."ingested_at" IN ('infinity', '-infinity') OR "exposures"."ingested_at" < CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) OR "exposures"."ingested_at" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) AS counted GROUP BY counted.part;

-- native custom_events: read
SELECT "custom_events"."id" AS row_key, CAST("custom_events"."time_uuid" AS TEXT) AS time_uuid, CAST("custom_events"."user_id" AS TEXT) AS user_id, CAST("custom_events"."user" AS TEXT) AS "user", CAST("custom_events"."metadata" AS TEXT) AS metadata, CAST("custom_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN ("custom_events"."timestamp" >= '0001-01-01' AND "custom_events"."timestamp" < '9999-12-31') THEN "custom_events"."timestamp" END AS timestamp, CAST("custom_events"."event_name" AS TEXT) AS event_name, CAST("custom_events"."value" AS TEXT) AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "custom_events"."ingested_at" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- native custom_events: read config_change
SELECT "custom_events"."id" AS row_key, CAST("custom_events"."time_uuid" AS TEXT) AS time_uuid, CAST("custom_events"."user_id" AS TEXT) AS user_id, CAST("custom_events"."user" AS TEXT) AS "user", CAST("custom_events"."metadata" AS TEXT) AS metadata, CAST("custom_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN ("custom_events"."timestamp" >= '0001-01-01' AND "custom_events"."timestamp" < '9999-12-31') THEN "custom_events"."timestamp" END AS timestamp, CAST("custom_events"."event_name" AS TEXT) AS event_name, CAST("custom_events"."value" AS TEXT) AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "custom_events"."ingested_at" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "custom_events"."event_name" IN ('statsig::config_change');

-- native custom_events: read custom_event
SELECT "custom_events"."id" AS row_key, CAST("custom_events"."time_uuid" AS TEXT) AS time_uuid, CAST("custom_events"."user_id" AS TEXT) AS user_id, CAST("custom_events"."user" AS TEXT) AS "user", CAST("custom_events"."metadata" AS TEXT) AS metadata, CAST("custom_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN ("custom_events"."timestamp" >= '0001-01-01' AND "custom_events"."timestamp" < '9999-12-31') THEN "custom_events"."timestamp" END AS timestamp, CAST("custom_events"."event_name" AS TEXT) AS event_name, CAST("custom_events"."value" AS TEXT) AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "custom_events"."ingested_at" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND ("custom_events"."event_name" IS NULL OR ("custom_events"."event_name" NOT IN ('statsig::config_change')));

-- native custom_events: hash known texts
SELECT substr(md5(lower('statsig-EXPORT' COLLATE "C")), 1, 2) AS probe_0, substr(md5(lower('0191d0e0-7d3c-7abc-8def-AB12CD34EF56' COLLATE "C")), 1, 2) AS probe_1, substr(md5(lower('Iiäßž' COLLATE "C")), 1, 2) AS probe_2, lpad(to_hex(CAST(0 AS BIGINT)), 15, '0') AS probe_3, lpad(to_hex(CAST(576460752303423743 AS BIGINT)), 15, '0') AS probe_4;

-- native custom_events: rows of a shard
SELECT "custom_events"."id" AS row_key, CAST("custom_events"."time_uuid" AS TEXT) AS time_uuid, CAST("custom_events"."user_id" AS TEXT) AS user_id, CAST("custom_events"."user" AS TEXT) AS "user", CAST("custom_events"."metadata" AS TEXT) AS metadata, CAST("custom_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN ("custom_events"."timestamp" >= '0001-01-01' AND "custom_events"."timestamp" < '9999-12-31') THEN "custom_events"."timestamp" END AS timestamp, CAST("custom_events"."event_name" AS TEXT) AS event_name, CAST("custom_events"."value" AS TEXT) AS value
FROM "custom_events"
WHERE substr(md5(lower(coalesce(nullif(CAST("custom_events"."time_uuid" AS TEXT), ''), CASE WHEN ("custom_events"."id" >= 0 AND "custom_events"."id" <= 1152921504606846975) THEN '0a1b2c3d-4e5f-8a6b-9' || substr(lpad(to_hex(CAST("custom_events"."id" AS BIGINT)), 15, '0'), 1, 3) || '-' || substr(lpad(to_hex(CAST("custom_events"."id" AS BIGINT)), 15, '0'), 4, 12) END) COLLATE "C")), 1, 2) IN ('a0', 'a1', 'a2') OR nullif(CAST("custom_events"."time_uuid" AS TEXT), '') IS NULL AND ("custom_events"."id" IS NULL OR "custom_events"."id" < 0 OR "custom_events"."id" > 1152921504606846975);

-- native custom_events: count
SELECT count(*) AS count_1
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "custom_events"."ingested_at" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("custom_events"."ingested_at" IS NULL OR "custom_events"."ingested_at" IN ('infinity', '-infinity')) THEN 0 WHEN ("custom_events"."ingested_at" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) THEN 1 WHEN ("custom_events"."ingested_at" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) THEN 2 END AS part
FROM "custom_events"
WHERE "custom_events"."ingested_at" IS NULL OR "custom_events"."ingested_at" IN ('infinity', '-infinity') OR "custom_events"."ingested_at" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) OR "custom_events"."ingested_at" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) AS counted GROUP BY counted.part;

-- sdk_log sdk_events: read
SELECT "sdk_events"."id" AS row_key, CAST("sdk_events"."event" AS TEXT) AS event, CAST("sdk_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN (timezone('UTC', "sdk_events"."received_at") >= '0001-01-01' AND timezone('UTC', "sdk_events"."received_at") < '9999-12-31') THEN timezone('UTC', "sdk_events"."received_at") END AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "sdk_events"."received_at" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- sdk_log sdk_events: read gate_exposure
SELECT "sdk_events"."id" AS row_key, CAST("sdk_events"."event" AS TEXT) AS event, CAST("sdk_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN (timezone('UTC', "sdk_events"."received_at") >= '0001-01-01' AND timezone('UTC', "sdk_events"."received_at") < '9999-12-31') THEN timezone('UTC', "sdk_events"."received_at") END AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "sdk_events"."received_at" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- sdk_log sdk_events: read custom_event
SELECT "sdk_events"."id" AS row_key, CAST("sdk_events"."event" AS TEXT) AS event, CAST("sdk_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN (timezone('UTC', "sdk_events"."received_at") >= '0001-01-01' AND timezone('UTC', "sdk_events"."received_at") < '9999-12-31') THEN timezone('UTC', "sdk_events"."received_at") END AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "sdk_events"."received_at" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- sdk_log sdk_events: hash known texts
SELECT substr(md5(lower('statsig-EXPORT' COLLATE "C")), 1, 2) AS probe_0, substr(md5(lower('0191d0e0-7d3c-7abc-8def-AB12CD34EF56' COLLATE "C")), 1, 2) AS probe_1, substr(md5(lower('Iiäßž' COLLATE "C")), 1, 2) AS probe_2, lpad(to_hex(CAST(0 AS BIGINT)), 15, '0') AS probe_3, lpad(to_hex(CAST(576460752303423743 AS BIGINT)), 15, '0') AS probe_4;

-- sdk_log sdk_events: rows of a shard
SELECT "sdk_events"."id" AS row_key, CAST("sdk_events"."event" AS TEXT) AS event, CAST("sdk_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CASE WHEN (timezone('UTC', "sdk_events"."received_at") >= '0001-01-01' AND timezone('UTC', "sdk_events"."received_at") < '9999-12-31') THEN timezone('UTC', "sdk_events"."received_at") END AS received_at
FROM "sdk_events"
WHERE substr(md5(lower(CASE WHEN ("sdk_events"."id" >= 0 AND "sdk_events"."id" <= 1152921504606846975) THEN '0a1b2c3d-4e5f-8a6b-9' || substr(lpad(to_hex(CAST("sdk_events"."id" AS BIGINT)), 15, '0'), 1, 3) || '-' || substr(lpad(to_hex(CAST("sdk_events"."id" AS BIGINT)), 15, '0'), 4, 12) END COLLATE "C")), 1, 2) IN ('a0', 'a1', 'a2') OR "sdk_events"."id" IS NULL OR "sdk_events"."id" < 0 OR "sdk_events"."id" > 1152921504606846975;

-- sdk_log sdk_events: count
SELECT count(*) AS count_1
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "sdk_events"."received_at" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- sdk_log sdk_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("sdk_events"."received_at" IS NULL OR "sdk_events"."received_at" IN ('infinity', '-infinity')) THEN 0 WHEN ("sdk_events"."received_at" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) THEN 1 WHEN ("sdk_events"."received_at" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) THEN 2 END AS part
FROM "sdk_events"
WHERE "sdk_events"."received_at" IS NULL OR "sdk_events"."received_at" IN ('infinity', '-infinity') OR "sdk_events"."received_at" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) OR "sdk_events"."received_at" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) AS counted GROUP BY counted.part;

-- statsig_events statsig_events: read
SELECT "statsig_events"."record_number" AS row_key, CAST("statsig_events"."timeuuid" AS TEXT) AS time_uuid, CAST("statsig_events"."event_name" AS TEXT) AS event_name, CAST("statsig_events"."user" AS TEXT) AS "user", CAST("statsig_events"."event_value" AS TEXT) AS value, CAST("statsig_events"."event_metadata" AS TEXT) AS metadata, CAST("statsig_events"."time" AS TEXT) AS timestamp
FROM "statsig_events"
WHERE "statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000;

-- statsig_events statsig_events: read gate_exposure
SELECT "statsig_events"."record_number" AS row_key, CAST("statsig_events"."timeuuid" AS TEXT) AS time_uuid, CAST("statsig_events"."event_name" AS TEXT) AS event_name, CAST("statsig_events"."user" AS TEXT) AS "user", CAST("statsig_events"."event_value" AS TEXT) AS value, CAST("statsig_events"."event_metadata" AS TEXT) AS metadata, CAST("statsig_events"."time" AS TEXT) AS timestamp
FROM "statsig_events"
WHERE ("statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000) AND "statsig_events"."event_name" IN ('statsig::gate_exposure');

-- statsig_events statsig_events: read custom_event
SELECT "statsig_events"."record_number" AS row_key, CAST("statsig_events"."timeuuid" AS TEXT) AS time_uuid, CAST("statsig_events"."event_name" AS TEXT) AS event_name, CAST("statsig_events"."user" AS TEXT) AS "user", CAST("statsig_events"."event_value" AS TEXT) AS value, CAST("statsig_events"."event_metadata" AS TEXT) AS metadata, CAST("statsig_events"."time" AS TEXT) AS timestamp
FROM "statsig_events"
WHERE ("statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000) AND ("statsig_events"."event_name" IS NULL OR ("statsig_events"."event_name" NOT IN ('statsig::config_change', 'statsig::config_exposure', 'statsig::experiment_exposure', 'statsig::gate_exposure', 'statsig::layer_exposure')));

-- statsig_events statsig_events: hash known texts
SELECT substr(md5(lower('statsig-EXPORT' COLLATE "C")), 1, 2) AS probe_0, substr(md5(lower('0191d0e0-7d3c-7abc-8def-AB12CD34EF56' COLLATE "C")), 1, 2) AS probe_1, substr(md5(lower('Iiäßž' COLLATE "C")), 1, 2) AS probe_2, lpad(to_hex(CAST(0 AS BIGINT)), 15, '0') AS probe_3, lpad(to_hex(CAST(576460752303423743 AS BIGINT)), 15, '0') AS probe_4;

-- statsig_events statsig_events: rows of a shard
SELECT "statsig_events"."record_number" AS row_key, CAST("statsig_events"."timeuuid" AS TEXT) AS time_uuid, CAST("statsig_events"."event_name" AS TEXT) AS event_name, CAST("statsig_events"."user" AS TEXT) AS "user", CAST("statsig_events"."event_value" AS TEXT) AS value, CAST("statsig_events"."event_metadata" AS TEXT) AS metadata, CAST("statsig_events"."time" AS TEXT) AS timestamp
FROM "statsig_events"
WHERE substr(md5(lower(coalesce(nullif(CAST("statsig_events"."timeuuid" AS TEXT), ''), CASE WHEN ("statsig_events"."record_number" >= 0 AND "statsig_events"."record_number" <= 1152921504606846975) THEN '0a1b2c3d-4e5f-8a6b-9' || substr(lpad(to_hex(CAST("statsig_events"."record_number" AS BIGINT)), 15, '0'), 1, 3) || '-' || substr(lpad(to_hex(CAST("statsig_events"."record_number" AS BIGINT)), 15, '0'), 4, 12) END) COLLATE "C")), 1, 2) IN ('a0', 'a1', 'a2') OR nullif(CAST("statsig_events"."timeuuid" AS TEXT), '') IS NULL AND ("statsig_events"."record_number" IS NULL OR "statsig_events"."record_number" < 0 OR "statsig_events"."record_number" > 1152921504606846975);

-- statsig_events statsig_events: count
SELECT count(*) AS count_1
FROM "statsig_events"
WHERE "statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000;

-- statsig_events statsig_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("statsig_events"."time" IS NULL OR "statsig_events"."time" < 0) THEN 0 WHEN ("statsig_events"."time" >= 0 AND "statsig_events"."time" < 1793491200 OR "statsig_events"."time" >= 100000000000 AND "statsig_events"."time" < 1793491200000 OR "statsig_events"."time" >= 100000000000000 AND "statsig_events"."time" < 1793491200000000 OR "statsig_events"."time" >= 100000000000000000 AND "statsig_events"."time" < 1793491200000000000) THEN 1 WHEN ("statsig_events"."time" >= 1793577600 AND "statsig_events"."time" < 100000000000 OR "statsig_events"."time" >= 1793577600000 AND "statsig_events"."time" < 100000000000000 OR "statsig_events"."time" >= 1793577600000000 AND "statsig_events"."time" < 100000000000000000 OR "statsig_events"."time" >= 1793577600000000000) THEN 2 END AS part
FROM "statsig_events"
WHERE "statsig_events"."time" IS NULL OR "statsig_events"."time" < 0 OR "statsig_events"."time" >= 0 AND "statsig_events"."time" < 1793491200 OR "statsig_events"."time" >= 100000000000 AND "statsig_events"."time" < 1793491200000 OR "statsig_events"."time" >= 100000000000000 AND "statsig_events"."time" < 1793491200000000 OR "statsig_events"."time" >= 100000000000000000 AND "statsig_events"."time" < 1793491200000000000 OR "statsig_events"."time" >= 1793577600 AND "statsig_events"."time" < 100000000000 OR "statsig_events"."time" >= 1793577600000 AND "statsig_events"."time" < 100000000000000 OR "statsig_events"."time" >= 1793577600000000 AND "statsig_events"."time" < 100000000000000000 OR "statsig_events"."time" >= 1793577600000000000) AS counted GROUP BY counted.part;

-- cloud_exports exposures: read
SELECT CAST("exposures"."exposure_type" AS TEXT) AS exposure_type, CAST("exposures"."name" AS TEXT) AS name, CAST("exposures"."rule" AS TEXT) AS rule_id, CAST("exposures"."experiment_group" AS TEXT) AS group_name, CAST("exposures"."unit_id" AS TEXT) AS unit_id, CAST("exposures"."unit_type" AS TEXT) AS unit_type, CAST("exposures"."user_dimensions" AS TEXT) AS user_dimensions, CASE WHEN ("exposures"."first_exposure_utc" >= '0001-01-01' AND "exposures"."first_exposure_utc" < '9999-12-31') THEN "exposures"."first_exposure_utc" END AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."inserted_at" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE);

-- cloud_exports exposures: read config_exposure
SELECT CAST("exposures"."exposure_type" AS TEXT) AS exposure_type, CAST("exposures"."name" AS TEXT) AS name, CAST("exposures"."rule" AS TEXT) AS rule_id, CAST("exposures"."experiment_group" AS TEXT) AS group_name, CAST("exposures"."unit_id" AS TEXT) AS unit_id, CAST("exposures"."unit_type" AS TEXT) AS unit_type, CAST("exposures"."user_dimensions" AS TEXT) AS user_dimensions, CASE WHEN ("exposures"."first_exposure_utc" >= '0001-01-01' AND "exposures"."first_exposure_utc" < '9999-12-31') THEN "exposures"."first_exposure_utc" END AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."inserted_at" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."exposure_type" IN ('config', 'dynamic_config', 'get_config');

-- cloud_exports exposures: read gate_exposure
SELECT CAST("exposures"."exposure_type" AS TEXT) AS exposure_type, CAST("exposures"."name" AS TEXT) AS name, CAST("exposures"."rule" AS TEXT) AS rule_id, CAST("exposures"."experiment_group" AS TEXT) AS group_name, CAST("exposures"."unit_id" AS TEXT) AS unit_id, CAST("exposures"."unit_type" AS TEXT) AS unit_type, CAST("exposures"."user_dimensions" AS TEXT) AS user_dimensions, CASE WHEN ("exposures"."first_exposure_utc" >= '0001-01-01' AND "exposures"."first_exposure_utc" < '9999-12-31') THEN "exposures"."first_exposure_utc" END AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."inserted_at" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND ("exposures"."exposure_type" IS NULL OR ("exposures"."exposure_type" NOT IN ('config', 'dynamic_config', 'experiment', 'get_config', 'get_experiment', 'get_layer', 'layer')));

-- cloud_exports exposures: count
SELECT count(*) AS count_1
FROM "exposures"
WHERE "exposures"."inserted_at" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "exposures"."inserted_at" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE);

-- cloud_exports exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("exposures"."inserted_at" IS NULL OR "exposures"."inserted_at" IN ('infinity', '-infinity')) THEN 0 WHEN ("exposures"."inserted_at" < CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) THEN 1 WHEN ("exposures"."inserted_at" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) THEN 2 END AS part
FROM "exposures"
WHERE "exposures"."inserted_at" IS NULL OR "exposures"."inserted_at" IN ('infinity', '-infinity') OR "exposures"."inserted_at" < CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) OR "exposures"."inserted_at" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) AS counted GROUP BY counted.part;

-- cloud_exports custom_events: read
SELECT CAST("events"."event_name" AS TEXT) AS event_name, CAST("events"."event_value" AS TEXT) AS value, CAST("events"."user_object" AS TEXT) AS "user", CAST("events"."statsig_metadata" AS TEXT) AS statsig_metadata, CAST("events"."company_metadata" AS TEXT) AS metadata, CASE WHEN (timezone('UTC', "events"."timestamp") >= '0001-01-01' AND timezone('UTC', "events"."timestamp") < '9999-12-31') THEN timezone('UTC', "events"."timestamp") END AS timestamp, CAST("events"."user_id" AS TEXT) AS "unit_userID", CAST("events"."stable_id" AS TEXT) AS "unit_stableID", CAST("events"."custom_ids" AS TEXT) AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "events"."timestamp" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- cloud_exports custom_events: read config_change
SELECT CAST("events"."event_name" AS TEXT) AS event_name, CAST("events"."event_value" AS TEXT) AS value, CAST("events"."user_object" AS TEXT) AS "user", CAST("events"."statsig_metadata" AS TEXT) AS statsig_metadata, CAST("events"."company_metadata" AS TEXT) AS metadata, CASE WHEN (timezone('UTC', "events"."timestamp") >= '0001-01-01' AND timezone('UTC', "events"."timestamp") < '9999-12-31') THEN timezone('UTC', "events"."timestamp") END AS timestamp, CAST("events"."user_id" AS TEXT) AS "unit_userID", CAST("events"."stable_id" AS TEXT) AS "unit_stableID", CAST("events"."custom_ids" AS TEXT) AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "events"."timestamp" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "events"."event_name" IN ('statsig::config_change');

-- cloud_exports custom_events: read custom_event
SELECT CAST("events"."event_name" AS TEXT) AS event_name, CAST("events"."event_value" AS TEXT) AS value, CAST("events"."user_object" AS TEXT) AS "user", CAST("events"."statsig_metadata" AS TEXT) AS statsig_metadata, CAST("events"."company_metadata" AS TEXT) AS metadata, CASE WHEN (timezone('UTC', "events"."timestamp") >= '0001-01-01' AND timezone('UTC', "events"."timestamp") < '9999-12-31') THEN timezone('UTC', "events"."timestamp") END AS timestamp, CAST("events"."user_id" AS TEXT) AS "unit_userID", CAST("events"."stable_id" AS TEXT) AS "unit_stableID", CAST("events"."custom_ids" AS TEXT) AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "events"."timestamp" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND ("events"."event_name" IS NULL OR ("events"."event_name" NOT IN ('statsig::config_change')));

-- cloud_exports custom_events: count
SELECT count(*) AS count_1
FROM "events"
WHERE "events"."timestamp" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "events"."timestamp" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- cloud_exports custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("events"."timestamp" IS NULL OR "events"."timestamp" IN ('infinity', '-infinity')) THEN 0 WHEN ("events"."timestamp" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) THEN 1 WHEN ("events"."timestamp" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) THEN 2 END AS part
FROM "events"
WHERE "events"."timestamp" IS NULL OR "events"."timestamp" IN ('infinity', '-infinity') OR "events"."timestamp" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) OR "events"."timestamp" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) AS counted GROUP BY counted.part;

-- warehouse_native exposures: read
SELECT CAST("statsig_forwarded_exposures"."experiment_id" AS TEXT) AS name, CAST("statsig_forwarded_exposures"."group_id" AS TEXT) AS rule_id, CAST("statsig_forwarded_exposures"."group_name" AS TEXT) AS group_name, CAST("statsig_forwarded_exposures"."user_dimensions" AS TEXT) AS user_dimensions, CASE WHEN ("statsig_forwarded_exposures"."timestamp" >= '0001-01-01' AND "statsig_forwarded_exposures"."timestamp" < '9999-12-31') THEN "statsig_forwarded_exposures"."timestamp" END AS timestamp, CAST("statsig_forwarded_exposures"."user_id" AS TEXT) AS "unit_userID", CAST("statsig_forwarded_exposures"."stable_id" AS TEXT) AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "statsig_forwarded_exposures"."timestamp" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE);

-- warehouse_native exposures: read gate_exposure
SELECT CAST("statsig_forwarded_exposures"."experiment_id" AS TEXT) AS name, CAST("statsig_forwarded_exposures"."group_id" AS TEXT) AS rule_id, CAST("statsig_forwarded_exposures"."group_name" AS TEXT) AS group_name, CAST("statsig_forwarded_exposures"."user_dimensions" AS TEXT) AS user_dimensions, CASE WHEN ("statsig_forwarded_exposures"."timestamp" >= '0001-01-01' AND "statsig_forwarded_exposures"."timestamp" < '9999-12-31') THEN "statsig_forwarded_exposures"."timestamp" END AS timestamp, CAST("statsig_forwarded_exposures"."user_id" AS TEXT) AS "unit_userID", CAST("statsig_forwarded_exposures"."stable_id" AS TEXT) AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "statsig_forwarded_exposures"."timestamp" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE);

-- warehouse_native exposures: read experiment_exposure
SELECT CAST("statsig_forwarded_exposures"."experiment_id" AS TEXT) AS name, CAST("statsig_forwarded_exposures"."group_id" AS TEXT) AS rule_id, CAST("statsig_forwarded_exposures"."group_name" AS TEXT) AS group_name, CAST("statsig_forwarded_exposures"."user_dimensions" AS TEXT) AS user_dimensions, CASE WHEN ("statsig_forwarded_exposures"."timestamp" >= '0001-01-01' AND "statsig_forwarded_exposures"."timestamp" < '9999-12-31') THEN "statsig_forwarded_exposures"."timestamp" END AS timestamp, CAST("statsig_forwarded_exposures"."user_id" AS TEXT) AS "unit_userID", CAST("statsig_forwarded_exposures"."stable_id" AS TEXT) AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "statsig_forwarded_exposures"."timestamp" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE);

-- warehouse_native exposures: count
SELECT count(*) AS count_1
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) AND "statsig_forwarded_exposures"."timestamp" < CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE);

-- warehouse_native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("statsig_forwarded_exposures"."timestamp" IS NULL OR "statsig_forwarded_exposures"."timestamp" IN ('infinity', '-infinity')) THEN 0 WHEN ("statsig_forwarded_exposures"."timestamp" < CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) THEN 1 WHEN ("statsig_forwarded_exposures"."timestamp" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) THEN 2 END AS part
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" IS NULL OR "statsig_forwarded_exposures"."timestamp" IN ('infinity', '-infinity') OR "statsig_forwarded_exposures"."timestamp" < CAST('2026-11-01 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE) OR "statsig_forwarded_exposures"."timestamp" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP WITHOUT TIME ZONE)) AS counted GROUP BY counted.part;

-- warehouse_native custom_events: read
SELECT CAST("statsig_forwarded_events"."event_name" AS TEXT) AS event_name, CAST("statsig_forwarded_events"."event_value" AS TEXT) AS value, CAST("statsig_forwarded_events"."user_object" AS TEXT) AS "user", CAST("statsig_forwarded_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CAST("statsig_forwarded_events"."company_metadata" AS TEXT) AS metadata, CASE WHEN (timezone('UTC', "statsig_forwarded_events"."timestamp") >= '0001-01-01' AND timezone('UTC', "statsig_forwarded_events"."timestamp") < '9999-12-31') THEN timezone('UTC', "statsig_forwarded_events"."timestamp") END AS timestamp, CAST("statsig_forwarded_events"."user_id" AS TEXT) AS "unit_userID", CAST("statsig_forwarded_events"."stable_id" AS TEXT) AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "statsig_forwarded_events"."timestamp" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- warehouse_native custom_events: read config_change
SELECT CAST("statsig_forwarded_events"."event_name" AS TEXT) AS event_name, CAST("statsig_forwarded_events"."event_value" AS TEXT) AS value, CAST("statsig_forwarded_events"."user_object" AS TEXT) AS "user", CAST("statsig_forwarded_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CAST("statsig_forwarded_events"."company_metadata" AS TEXT) AS metadata, CASE WHEN (timezone('UTC', "statsig_forwarded_events"."timestamp") >= '0001-01-01' AND timezone('UTC', "statsig_forwarded_events"."timestamp") < '9999-12-31') THEN timezone('UTC', "statsig_forwarded_events"."timestamp") END AS timestamp, CAST("statsig_forwarded_events"."user_id" AS TEXT) AS "unit_userID", CAST("statsig_forwarded_events"."stable_id" AS TEXT) AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "statsig_forwarded_events"."timestamp" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "statsig_forwarded_events"."event_name" IN ('statsig::config_change');

-- warehouse_native custom_events: read custom_event
SELECT CAST("statsig_forwarded_events"."event_name" AS TEXT) AS event_name, CAST("statsig_forwarded_events"."event_value" AS TEXT) AS value, CAST("statsig_forwarded_events"."user_object" AS TEXT) AS "user", CAST("statsig_forwarded_events"."statsig_metadata" AS TEXT) AS statsig_metadata, CAST("statsig_forwarded_events"."company_metadata" AS TEXT) AS metadata, CASE WHEN (timezone('UTC', "statsig_forwarded_events"."timestamp") >= '0001-01-01' AND timezone('UTC', "statsig_forwarded_events"."timestamp") < '9999-12-31') THEN timezone('UTC', "statsig_forwarded_events"."timestamp") END AS timestamp, CAST("statsig_forwarded_events"."user_id" AS TEXT) AS "unit_userID", CAST("statsig_forwarded_events"."stable_id" AS TEXT) AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "statsig_forwarded_events"."timestamp" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND ("statsig_forwarded_events"."event_name" IS NULL OR ("statsig_forwarded_events"."event_name" NOT IN ('statsig::config_change')));

-- warehouse_native custom_events: count
SELECT count(*) AS count_1
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) AND "statsig_forwarded_events"."timestamp" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE);

-- warehouse_native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("statsig_forwarded_events"."timestamp" IS NULL OR "statsig_forwarded_events"."timestamp" IN ('infinity', '-infinity')) THEN 0 WHEN ("statsig_forwarded_events"."timestamp" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) THEN 1 WHEN ("statsig_forwarded_events"."timestamp" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) THEN 2 END AS part
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" IS NULL OR "statsig_forwarded_events"."timestamp" IN ('infinity', '-infinity') OR "statsig_forwarded_events"."timestamp" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE) OR "statsig_forwarded_events"."timestamp" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP WITH TIME ZONE)) AS counted GROUP BY counted.part;

