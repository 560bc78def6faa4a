-- native exposures: read
SELECT "exposures"."id" AS row_key, CAST("exposures"."time_uuid" AS Nullable(String)) AS time_uuid, CAST("exposures"."user_id" AS Nullable(String)) AS user_id, CASE WHEN ("exposures"."user" IS NOT NULL) THEN toJSONString("exposures"."user") END AS "user", CASE WHEN ("exposures"."metadata" IS NOT NULL) THEN toJSONString("exposures"."metadata") END AS metadata, CASE WHEN ("exposures"."statsig_metadata" IS NOT NULL) THEN toJSONString("exposures"."statsig_metadata") END AS statsig_metadata, toDateTime64("exposures"."timestamp", 6, 'UTC') AS timestamp, CAST("exposures"."exposure_type" AS Nullable(String)) AS exposure_type, CAST("exposures"."name" AS Nullable(String)) AS name, CAST("exposures"."rule_id" AS Nullable(String)) AS rule_id, "exposures"."gate_value" AS gate_value, CAST("exposures"."group_name" AS Nullable(String)) AS group_name, CAST("exposures"."reason" AS Nullable(String)) AS reason, CAST("exposures"."unit_type" AS Nullable(String)) AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "exposures"."ingested_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- native exposures: read config_exposure
SELECT "exposures"."id" AS row_key, CAST("exposures"."time_uuid" AS Nullable(String)) AS time_uuid, CAST("exposures"."user_id" AS Nullable(String)) AS user_id, CASE WHEN ("exposures"."user" IS NOT NULL) THEN toJSONString("exposures"."user") END AS "user", CASE WHEN ("exposures"."metadata" IS NOT NULL) THEN toJSONString("exposures"."metadata") END AS metadata, CASE WHEN ("exposures"."statsig_metadata" IS NOT NULL) THEN toJSONString("exposures"."statsig_metadata") END AS statsig_metadata, toDateTime64("exposures"."timestamp", 6, 'UTC') AS timestamp, CAST("exposures"."exposure_type" AS Nullable(String)) AS exposure_type, CAST("exposures"."name" AS Nullable(String)) AS name, CAST("exposures"."rule_id" AS Nullable(String)) AS rule_id, "exposures"."gate_value" AS gate_value, CAST("exposures"."group_name" AS Nullable(String)) AS group_name, CAST("exposures"."reason" AS Nullable(String)) AS reason, CAST("exposures"."unit_type" AS Nullable(String)) AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "exposures"."ingested_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND "exposures"."exposure_type" IN ('config', 'dynamic_config', 'get_config');

-- native exposures: read gate_exposure
SELECT "exposures"."id" AS row_key, CAST("exposures"."time_uuid" AS Nullable(String)) AS time_uuid, CAST("exposures"."user_id" AS Nullable(String)) AS user_id, CASE WHEN ("exposures"."user" IS NOT NULL) THEN toJSONString("exposures"."user") END AS "user", CASE WHEN ("exposures"."metadata" IS NOT NULL) THEN toJSONString("exposures"."metadata") END AS metadata, CASE WHEN ("exposures"."statsig_metadata" IS NOT NULL) THEN toJSONString("exposures"."statsig_metadata") END AS statsig_metadata, toDateTime64("exposures"."timestamp", 6, 'UTC') AS timestamp, CAST("exposures"."exposure_type" AS Nullable(String)) AS exposure_type, CAST("exposures"."name" AS Nullable(String)) AS name, CAST("exposures"."rule_id" AS Nullable(String)) AS rule_id, "exposures"."gate_value" AS gate_value, CAST("exposures"."group_name" AS Nullable(String)) AS group_name, CAST("exposures"."reason" AS Nullable(String)) AS reason, CAST("exposures"."unit_type" AS Nullable(String)) AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "exposures"."ingested_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND ("exposures"."exposure_type" IS NULL OR ("exposures"."exposure_type" NOT IN ('config', 'dynamic_config', 'experiment', 'get_config', 'get_experiment', 'get_layer', 'layer')));

-- native exposures: count
SELECT count(*) AS count_1
FROM "exposures"
WHERE "exposures"."ingested_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "exposures"."ingested_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("exposures"."ingested_at" IS NULL) THEN 0 WHEN ("exposures"."ingested_at" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC')) THEN 1 WHEN ("exposures"."ingested_at" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) THEN 2 END AS part
FROM "exposures"
WHERE "exposures"."ingested_at" IS NULL OR "exposures"."ingested_at" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC') OR "exposures"."ingested_at" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) AS counted GROUP BY counted.part;

-- native custom_events: read
SELECT "custom_events"."id" AS row_key, CAST("custom_events"."time_uuid" AS Nullable(String)) AS time_uuid, CAST("custom_events"."user_id" AS Nullable(String)) AS user_id, CASE WHEN ("custom_events"."user" IS NOT NULL) THEN toJSONString("custom_events"."user") END AS "user", CASE WHEN ("custom_events"."metadata" IS NOT NULL) THEN toJSONString("custom_events"."metadata") END AS metadata, CASE WHEN ("custom_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("custom_events"."statsig_metadata") END AS statsig_metadata, toDateTime64("custom_events"."timestamp", 6, 'UTC') AS timestamp, CAST("custom_events"."event_name" AS Nullable(String)) AS event_name, CAST("custom_events"."value" AS Nullable(String)) AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "custom_events"."ingested_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- native custom_events: read config_change
SELECT "custom_events"."id" AS row_key, CAST("custom_events"."time_uuid" AS Nullable(String)) AS time_uuid, CAST("custom_events"."user_id" AS Nullable(String)) AS user_id, CASE WHEN ("custom_events"."user" IS NOT NULL) THEN toJSONString("custom_events"."user") END AS "user", CASE WHEN ("custom_events"."metadata" IS NOT NULL) THEN toJSONString("custom_events"."metadata") END AS metadata, CASE WHEN ("custom_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("custom_events"."statsig_metadata") END AS statsig_metadata, toDateTime64("custom_events"."timestamp", 6, 'UTC') AS timestamp, CAST("custom_events"."event_name" AS Nullable(String)) AS event_name, CAST("custom_events"."value" AS Nullable(String)) AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "custom_events"."ingested_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND "custom_events"."event_name" IN ('statsig::config_change');

-- native custom_events: read custom_event
SELECT "custom_events"."id" AS row_key, CAST("custom_events"."time_uuid" AS Nullable(String)) AS time_uuid, CAST("custom_events"."user_id" AS Nullable(String)) AS user_id, CASE WHEN ("custom_events"."user" IS NOT NULL) THEN toJSONString("custom_events"."user") END AS "user", CASE WHEN ("custom_events"."metadata" IS NOT NULL) THEN toJSONString("custom_events"."metadata") END AS metadata, CASE WHEN ("custom_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("custom_events"."statsig_metadata") END AS statsig_metadata, toDateTime64("custom_events"."timestamp", 6, 'UTC') AS timestamp, CAST("custom_events"."event_name" AS Nullable(String)) AS event_name, CAST("custom_events"."value" AS Nullable(String)) AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "custom_events"."ingested_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND ("custom_events"."event_name" IS NULL OR ("custom_events"."event_name" NOT IN ('statsig::config_change')));

-- native custom_events: count
SELECT count(*) AS count_1
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "custom_events"."ingested_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("custom_events"."ingested_at" IS NULL) THEN 0 WHEN ("custom_events"."ingested_at" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC')) THEN 1 WHEN ("custom_events"."ingested_at" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) THEN 2 END AS part
FROM "custom_events"
WHERE "custom_events"."ingested_at" IS NULL OR "custom_events"."ingested_at" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC') OR "custom_events"."ingested_at" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) AS counted GROUP BY counted.part;

-- sdk_log sdk_events: read
SELECT "sdk_events"."id" AS row_key, CASE WHEN ("sdk_events"."event" IS NOT NULL) THEN toJSONString("sdk_events"."event") END AS event, CASE WHEN ("sdk_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("sdk_events"."statsig_metadata") END AS statsig_metadata, toDateTime64("sdk_events"."received_at", 6, 'UTC') AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "sdk_events"."received_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- sdk_log sdk_events: read gate_exposure
SELECT "sdk_events"."id" AS row_key, CASE WHEN ("sdk_events"."event" IS NOT NULL) THEN toJSONString("sdk_events"."event") END AS event, CASE WHEN ("sdk_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("sdk_events"."statsig_metadata") END AS statsig_metadata, toDateTime64("sdk_events"."received_at", 6, 'UTC') AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "sdk_events"."received_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- sdk_log sdk_events: read custom_event
SELECT "sdk_events"."id" AS row_key, CASE WHEN ("sdk_events"."event" IS NOT NULL) THEN toJSONString("sdk_events"."event") END AS event, CASE WHEN ("sdk_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("sdk_events"."statsig_metadata") END AS statsig_metadata, toDateTime64("sdk_events"."received_at", 6, 'UTC') AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "sdk_events"."received_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- sdk_log sdk_events: count
SELECT count(*) AS count_1
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "sdk_events"."received_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- sdk_log sdk_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("sdk_events"."received_at" IS NULL) THEN 0 WHEN ("sdk_events"."received_at" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC')) THEN 1 WHEN ("sdk_events"."received_at" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) THEN 2 END AS part
FROM "sdk_events"
WHERE "sdk_events"."received_at" IS NULL OR "sdk_events"."received_at" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC') OR "sdk_events"."received_at" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) AS counted GROUP BY counted.part;

-- statsig_events statsig_events: read
SELECT "statsig_events"."record_number" AS row_key, CAST("statsig_events"."timeuuid" AS Nullable(String)) AS time_uuid, CAST("statsig_events"."event_name" AS Nullable(String)) AS event_name, CASE WHEN ("statsig_events"."user" IS NOT NULL) THEN toJSONString("statsig_events"."user") END AS "user", CAST("statsig_events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("statsig_events"."event_metadata" IS NOT NULL) THEN toJSONString("statsig_events"."event_metadata") END AS metadata, CAST("statsig_events"."time" AS Nullable(String)) AS timestamp
FROM "statsig_events"
WHERE "statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000;

-- statsig_events statsig_events: read gate_exposure
SELECT "statsig_events"."record_number" AS row_key, CAST("statsig_events"."timeuuid" AS Nullable(String)) AS time_uuid, CAST("statsig_events"."event_name" AS Nullable(String)) AS event_name, CASE WHEN ("statsig_events"."user" IS NOT NULL) THEN toJSONString("statsig_events"."user") END AS "user", CAST("statsig_events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("statsig_events"."event_metadata" IS NOT NULL) THEN toJSONString("statsig_events"."event_metadata") END AS metadata, CAST("statsig_events"."time" AS Nullable(String)) AS timestamp
FROM "statsig_events"
WHERE ("statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000) AND "statsig_events"."event_name" IN ('statsig::gate_exposure');

-- statsig_events statsig_events: read custom_event
SELECT "statsig_events"."record_number" AS row_key, CAST("statsig_events"."timeuuid" AS Nullable(String)) AS time_uuid, CAST("statsig_events"."event_name" AS Nullable(String)) AS event_name, CASE WHEN ("statsig_events"."user" IS NOT NULL) THEN toJSONString("statsig_events"."user") END AS "user", CAST("statsig_events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("statsig_events"."event_metadata" IS NOT NULL) THEN toJSONString("statsig_events"."event_metadata") END AS metadata, CAST("statsig_events"."time" AS Nullable(String)) AS timestamp
FROM "statsig_events"
WHERE ("statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000) AND ("statsig_events"."event_name" IS NULL OR ("statsig_events"."event_name" NOT IN ('statsig::config_change', 'statsig::config_exposure', 'statsig::experiment_exposure', 'statsig::gate_exposure', 'statsig::layer_exposure')));

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
SELECT CAST("exposures"."exposure_type" AS Nullable(String)) AS exposure_type, CAST("exposures"."name" AS Nullable(String)) AS name, CAST("exposures"."rule" AS Nullable(String)) AS rule_id, CAST("exposures"."experiment_group" AS Nullable(String)) AS group_name, CAST("exposures"."unit_id" AS Nullable(String)) AS unit_id, CAST("exposures"."unit_type" AS Nullable(String)) AS unit_type, CASE WHEN ("exposures"."user_dimensions" IS NOT NULL) THEN toJSONString("exposures"."user_dimensions") END AS user_dimensions, toDateTime64("exposures"."first_exposure_utc", 6, 'UTC') AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "exposures"."inserted_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- cloud_exports exposures: read config_exposure
SELECT CAST("exposures"."exposure_type" AS Nullable(String)) AS exposure_type, CAST("exposures"."name" AS Nullable(String)) AS name, CAST("exposures"."rule" AS Nullable(String)) AS rule_id, CAST("exposures"."experiment_group" AS Nullable(String)) AS group_name, CAST("exposures"."unit_id" AS Nullable(String)) AS unit_id, CAST("exposures"."unit_type" AS Nullable(String)) AS unit_type, CASE WHEN ("exposures"."user_dimensions" IS NOT NULL) THEN toJSONString("exposures"."user_dimensions") END AS user_dimensions, toDateTime64("exposures"."first_exposure_utc", 6, 'UTC') AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "exposures"."inserted_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND "exposures"."exposure_type" IN ('config', 'dynamic_config', 'get_config');

-- cloud_exports exposures: read gate_exposure
SELECT CAST("exposures"."exposure_type" AS Nullable(String)) AS exposure_type, CAST("exposures"."name" AS Nullable(String)) AS name, CAST("exposures"."rule" AS Nullable(String)) AS rule_id, CAST("exposures"."experiment_group" AS Nullable(String)) AS group_name, CAST("exposures"."unit_id" AS Nullable(String)) AS unit_id, CAST("exposures"."unit_type" AS Nullable(String)) AS unit_type, CASE WHEN ("exposures"."user_dimensions" IS NOT NULL) THEN toJSONString("exposures"."user_dimensions") END AS user_dimensions, toDateTime64("exposures"."first_exposure_utc", 6, 'UTC') AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "exposures"."inserted_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND ("exposures"."exposure_type" IS NULL OR ("exposures"."exposure_type" NOT IN ('config', 'dynamic_config', 'experiment', 'get_config', 'get_experiment', 'get_layer', 'layer')));

-- cloud_exports exposures: count
SELECT count(*) AS count_1
FROM "exposures"
WHERE "exposures"."inserted_at" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "exposures"."inserted_at" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- cloud_exports exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("exposures"."inserted_at" IS NULL) THEN 0 WHEN ("exposures"."inserted_at" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC')) THEN 1 WHEN ("exposures"."inserted_at" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) THEN 2 END AS part
FROM "exposures"
WHERE "exposures"."inserted_at" IS NULL OR "exposures"."inserted_at" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC') OR "exposures"."inserted_at" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) AS counted GROUP BY counted.part;

-- cloud_exports custom_events: read
SELECT CAST("events"."event_name" AS Nullable(String)) AS event_name, CAST("events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("events"."user_object" IS NOT NULL) THEN toJSONString("events"."user_object") END AS "user", CASE WHEN ("events"."statsig_metadata" IS NOT NULL) THEN toJSONString("events"."statsig_metadata") END AS statsig_metadata, CASE WHEN ("events"."company_metadata" IS NOT NULL) THEN toJSONString("events"."company_metadata") END AS metadata, toDateTime64("events"."timestamp", 6, 'UTC') AS timestamp, CAST("events"."user_id" AS Nullable(String)) AS "unit_userID", CAST("events"."stable_id" AS Nullable(String)) AS "unit_stableID", CASE WHEN ("events"."custom_ids" IS NOT NULL) THEN toJSONString("events"."custom_ids") END AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "events"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- cloud_exports custom_events: read config_change
SELECT CAST("events"."event_name" AS Nullable(String)) AS event_name, CAST("events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("events"."user_object" IS NOT NULL) THEN toJSONString("events"."user_object") END AS "user", CASE WHEN ("events"."statsig_metadata" IS NOT NULL) THEN toJSONString("events"."statsig_metadata") END AS statsig_metadata, CASE WHEN ("events"."company_metadata" IS NOT NULL) THEN toJSONString("events"."company_metadata") END AS metadata, toDateTime64("events"."timestamp", 6, 'UTC') AS timestamp, CAST("events"."user_id" AS Nullable(String)) AS "unit_userID", CAST("events"."stable_id" AS Nullable(String)) AS "unit_stableID", CASE WHEN ("events"."custom_ids" IS NOT NULL) THEN toJSONString("events"."custom_ids") END AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "events"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND "events"."event_name" IN ('statsig::config_change');

-- cloud_exports custom_events: read custom_event
SELECT CAST("events"."event_name" AS Nullable(String)) AS event_name, CAST("events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("events"."user_object" IS NOT NULL) THEN toJSONString("events"."user_object") END AS "user", CASE WHEN ("events"."statsig_metadata" IS NOT NULL) THEN toJSONString("events"."statsig_metadata") END AS statsig_metadata, CASE WHEN ("events"."company_metadata" IS NOT NULL) THEN toJSONString("events"."company_metadata") END AS metadata, toDateTime64("events"."timestamp", 6, 'UTC') AS timestamp, CAST("events"."user_id" AS Nullable(String)) AS "unit_userID", CAST("events"."stable_id" AS Nullable(String)) AS "unit_stableID", CASE WHEN ("events"."custom_ids" IS NOT NULL) THEN toJSONString("events"."custom_ids") END AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "events"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND ("events"."event_name" IS NULL OR ("events"."event_name" NOT IN ('statsig::config_change')));

-- cloud_exports custom_events: count
SELECT count(*) AS count_1
FROM "events"
WHERE "events"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "events"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- cloud_exports custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("events"."timestamp" IS NULL) THEN 0 WHEN ("events"."timestamp" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC')) THEN 1 WHEN ("events"."timestamp" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) THEN 2 END AS part
FROM "events"
WHERE "events"."timestamp" IS NULL OR "events"."timestamp" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC') OR "events"."timestamp" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) AS counted GROUP BY counted.part;

-- warehouse_native exposures: read
SELECT CAST("statsig_forwarded_exposures"."experiment_id" AS Nullable(String)) AS name, CAST("statsig_forwarded_exposures"."group_id" AS Nullable(String)) AS rule_id, CAST("statsig_forwarded_exposures"."group_name" AS Nullable(String)) AS group_name, CASE WHEN ("statsig_forwarded_exposures"."user_dimensions" IS NOT NULL) THEN toJSONString("statsig_forwarded_exposures"."user_dimensions") END AS user_dimensions, toDateTime64("statsig_forwarded_exposures"."timestamp", 6, 'UTC') AS timestamp, CAST("statsig_forwarded_exposures"."user_id" AS Nullable(String)) AS "unit_userID", CAST("statsig_forwarded_exposures"."stable_id" AS Nullable(String)) AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "statsig_forwarded_exposures"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- warehouse_native exposures: read gate_exposure
SELECT CAST("statsig_forwarded_exposures"."experiment_id" AS Nullable(String)) AS name, CAST("statsig_forwarded_exposures"."group_id" AS Nullable(String)) AS rule_id, CAST("statsig_forwarded_exposures"."group_name" AS Nullable(String)) AS group_name, CASE WHEN ("statsig_forwarded_exposures"."user_dimensions" IS NOT NULL) THEN toJSONString("statsig_forwarded_exposures"."user_dimensions") END AS user_dimensions, toDateTime64("statsig_forwarded_exposures"."timestamp", 6, 'UTC') AS timestamp, CAST("statsig_forwarded_exposures"."user_id" AS Nullable(String)) AS "unit_userID", CAST("statsig_forwarded_exposures"."stable_id" AS Nullable(String)) AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "statsig_forwarded_exposures"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- warehouse_native exposures: read experiment_exposure
SELECT CAST("statsig_forwarded_exposures"."experiment_id" AS Nullable(String)) AS name, CAST("statsig_forwarded_exposures"."group_id" AS Nullable(String)) AS rule_id, CAST("statsig_forwarded_exposures"."group_name" AS Nullable(String)) AS group_name, CASE WHEN ("statsig_forwarded_exposures"."user_dimensions" IS NOT NULL) THEN toJSONString("statsig_forwarded_exposures"."user_dimensions") END AS user_dimensions, toDateTime64("statsig_forwarded_exposures"."timestamp", 6, 'UTC') AS timestamp, CAST("statsig_forwarded_exposures"."user_id" AS Nullable(String)) AS "unit_userID", CAST("statsig_forwarded_exposures"."stable_id" AS Nullable(String)) AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "statsig_forwarded_exposures"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- warehouse_native exposures: count
SELECT count(*) AS count_1
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "statsig_forwarded_exposures"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- warehouse_native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("statsig_forwarded_exposures"."timestamp" IS NULL) THEN 0 WHEN ("statsig_forwarded_exposures"."timestamp" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC')) THEN 1 WHEN ("statsig_forwarded_exposures"."timestamp" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) THEN 2 END AS part
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" IS NULL OR "statsig_forwarded_exposures"."timestamp" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC') OR "statsig_forwarded_exposures"."timestamp" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) AS counted GROUP BY counted.part;

-- warehouse_native custom_events: read
SELECT CAST("statsig_forwarded_events"."event_name" AS Nullable(String)) AS event_name, CAST("statsig_forwarded_events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("statsig_forwarded_events"."user_object" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."user_object") END AS "user", CASE WHEN ("statsig_forwarded_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."statsig_metadata") END AS statsig_metadata, CASE WHEN ("statsig_forwarded_events"."company_metadata" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."company_metadata") END AS metadata, toDateTime64("statsig_forwarded_events"."timestamp", 6, 'UTC') AS timestamp, CAST("statsig_forwarded_events"."user_id" AS Nullable(String)) AS "unit_userID", CAST("statsig_forwarded_events"."stable_id" AS Nullable(String)) AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "statsig_forwarded_events"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- warehouse_native custom_events: read config_change
SELECT CAST("statsig_forwarded_events"."event_name" AS Nullable(String)) AS event_name, CAST("statsig_forwarded_events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("statsig_forwarded_events"."user_object" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."user_object") END AS "user", CASE WHEN ("statsig_forwarded_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."statsig_metadata") END AS statsig_metadata, CASE WHEN ("statsig_forwarded_events"."company_metadata" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."company_metadata") END AS metadata, toDateTime64("statsig_forwarded_events"."timestamp", 6, 'UTC') AS timestamp, CAST("statsig_forwarded_events"."user_id" AS Nullable(String)) AS "unit_userID", CAST("statsig_forwarded_events"."stable_id" AS Nullable(String)) AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "statsig_forwarded_events"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND "statsig_forwarded_events"."event_name" IN ('statsig::config_change');

-- warehouse_native custom_events: read custom_event
SELECT CAST("statsig_forwarded_events"."event_name" AS Nullable(String)) AS event_name, CAST("statsig_forwarded_events"."event_value" AS Nullable(String)) AS value, CASE WHEN ("statsig_forwarded_events"."user_object" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."user_object") END AS "user", CASE WHEN ("statsig_forwarded_events"."statsig_metadata" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."statsig_metadata") END AS statsig_metadata, CASE WHEN ("statsig_forwarded_events"."company_metadata" IS NOT NULL) THEN toJSONString("statsig_forwarded_events"."company_metadata") END AS metadata, toDateTime64("statsig_forwarded_events"."timestamp", 6, 'UTC') AS timestamp, CAST("statsig_forwarded_events"."user_id" AS Nullable(String)) AS "unit_userID", CAST("statsig_forwarded_events"."stable_id" AS Nullable(String)) AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "statsig_forwarded_events"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC') AND ("statsig_forwarded_events"."event_name" IS NULL OR ("statsig_forwarded_events"."event_name" NOT IN ('statsig::config_change')));

-- warehouse_native custom_events: count
SELECT count(*) AS count_1
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= toDateTime64('2026-11-01 00:00:00', 0, 'UTC') AND "statsig_forwarded_events"."timestamp" < toDateTime64('2026-11-02 00:00:00', 0, 'UTC');

-- warehouse_native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("statsig_forwarded_events"."timestamp" IS NULL) THEN 0 WHEN ("statsig_forwarded_events"."timestamp" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC')) THEN 1 WHEN ("statsig_forwarded_events"."timestamp" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) THEN 2 END AS part
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" IS NULL OR "statsig_forwarded_events"."timestamp" < toDateTime64('2026-11-01 00:00:00', 0, 'UTC') OR "statsig_forwarded_events"."timestamp" >= toDateTime64('2026-11-02 00:00:00', 0, 'UTC')) AS counted GROUP BY counted.part;

