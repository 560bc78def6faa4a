-- native exposures: read
SELECT "exposures"."id" AS row_key, "exposures"."time_uuid" AS time_uuid, "exposures"."user_id" AS user_id, CASE WHEN ("exposures"."user" IS NOT NULL) THEN json_format(CAST("exposures"."user" AS JSON)) END AS user, CASE WHEN ("exposures"."metadata" IS NOT NULL) THEN json_format(CAST("exposures"."metadata" AS JSON)) END AS metadata, CASE WHEN ("exposures"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("exposures"."statsig_metadata" AS JSON)) END AS statsig_metadata, "exposures"."timestamp" AS timestamp, "exposures"."exposure_type" AS exposure_type, "exposures"."name" AS name, "exposures"."rule_id" AS rule_id, "exposures"."gate_value" AS gate_value, "exposures"."group_name" AS group_name, "exposures"."reason" AS reason, "exposures"."unit_type" AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "exposures"."ingested_at" < TIMESTAMP '2026-11-02 00:00:00';

-- native exposures: read config_exposure
SELECT "exposures"."id" AS row_key, "exposures"."time_uuid" AS time_uuid, "exposures"."user_id" AS user_id, CASE WHEN ("exposures"."user" IS NOT NULL) THEN json_format(CAST("exposures"."user" AS JSON)) END AS user, CASE WHEN ("exposures"."metadata" IS NOT NULL) THEN json_format(CAST("exposures"."metadata" AS JSON)) END AS metadata, CASE WHEN ("exposures"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("exposures"."statsig_metadata" AS JSON)) END AS statsig_metadata, "exposures"."timestamp" AS timestamp, "exposures"."exposure_type" AS exposure_type, "exposures"."name" AS name, "exposures"."rule_id" AS rule_id, "exposures"."gate_value" AS gate_value, "exposures"."group_name" AS group_name, "exposures"."reason" AS reason, "exposures"."unit_type" AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "exposures"."ingested_at" < TIMESTAMP '2026-11-02 00:00:00' AND "exposures"."exposure_type" IN ('config', 'dynamic_config', 'get_config');

-- native exposures: read gate_exposure
SELECT "exposures"."id" AS row_key, "exposures"."time_uuid" AS time_uuid, "exposures"."user_id" AS user_id, CASE WHEN ("exposures"."user" IS NOT NULL) THEN json_format(CAST("exposures"."user" AS JSON)) END AS user, CASE WHEN ("exposures"."metadata" IS NOT NULL) THEN json_format(CAST("exposures"."metadata" AS JSON)) END AS metadata, CASE WHEN ("exposures"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("exposures"."statsig_metadata" AS JSON)) END AS statsig_metadata, "exposures"."timestamp" AS timestamp, "exposures"."exposure_type" AS exposure_type, "exposures"."name" AS name, "exposures"."rule_id" AS rule_id, "exposures"."gate_value" AS gate_value, "exposures"."group_name" AS group_name, "exposures"."reason" AS reason, "exposures"."unit_type" AS unit_type
FROM "exposures"
WHERE "exposures"."ingested_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "exposures"."ingested_at" < TIMESTAMP '2026-11-02 00:00:00' AND ("exposures"."exposure_type" IS NULL OR ("exposures"."exposure_type" NOT IN ('config', 'dynamic_config', 'experiment', 'get_config', 'get_experiment', 'get_layer', 'layer')));

-- native exposures: count
SELECT count(*) AS count_1
FROM "exposures"
WHERE "exposures"."ingested_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "exposures"."ingested_at" < TIMESTAMP '2026-11-02 00:00:00';

-- native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("exposures"."ingested_at" IS NULL) THEN 0 WHEN ("exposures"."ingested_at" < TIMESTAMP '2026-11-01 00:00:00') THEN 1 WHEN ("exposures"."ingested_at" >= TIMESTAMP '2026-11-02 00:00:00') THEN 2 END AS part
FROM "exposures"
WHERE "exposures"."ingested_at" IS NULL OR "exposures"."ingested_at" < TIMESTAMP '2026-11-01 00:00:00' OR "exposures"."ingested_at" >= TIMESTAMP '2026-11-02 00:00:00') AS counted GROUP BY counted.part;

-- native custom_events: read
SELECT "custom_events"."id" AS row_key, "custom_events"."time_uuid" AS time_uuid, "custom_events"."user_id" AS user_id, CASE WHEN ("custom_events"."user" IS NOT NULL) THEN json_format(CAST("custom_events"."user" AS JSON)) END AS user, CASE WHEN ("custom_events"."metadata" IS NOT NULL) THEN json_format(CAST("custom_events"."metadata" AS JSON)) END AS metadata, CASE WHEN ("custom_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("custom_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, "custom_events"."timestamp" AS timestamp, "custom_events"."event_name" AS event_name, "custom_events"."value" AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "custom_events"."ingested_at" < TIMESTAMP '2026-11-02 00:00:00';

-- native custom_events: read config_change
SELECT "custom_events"."id" AS row_key, "custom_events"."time_uuid" AS time_uuid, "custom_events"."user_id" AS user_id, CASE WHEN ("custom_events"."user" IS NOT NULL) THEN json_format(CAST("custom_events"."user" AS JSON)) END AS user, CASE WHEN ("custom_events"."metadata" IS NOT NULL) THEN json_format(CAST("custom_events"."metadata" AS JSON)) END AS metadata, CASE WHEN ("custom_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("custom_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, "custom_events"."timestamp" AS timestamp, "custom_events"."event_name" AS event_name, "custom_events"."value" AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "custom_events"."ingested_at" < TIMESTAMP '2026-11-02 00:00:00' AND "custom_events"."event_name" IN ('statsig::config_change');

-- native custom_events: read custom_event
SELECT "custom_events"."id" AS row_key, "custom_events"."time_uuid" AS time_uuid, "custom_events"."user_id" AS user_id, CASE WHEN ("custom_events"."user" IS NOT NULL) THEN json_format(CAST("custom_events"."user" AS JSON)) END AS user, CASE WHEN ("custom_events"."metadata" IS NOT NULL) THEN json_format(CAST("custom_events"."metadata" AS JSON)) END AS metadata, CASE WHEN ("custom_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("custom_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, "custom_events"."timestamp" AS timestamp, "custom_events"."event_name" AS event_name, "custom_events"."value" AS value
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "custom_events"."ingested_at" < TIMESTAMP '2026-11-02 00:00:00' AND ("custom_events"."event_name" IS NULL OR ("custom_events"."event_name" NOT IN ('statsig::config_change')));

-- native custom_events: count
SELECT count(*) AS count_1
FROM "custom_events"
WHERE "custom_events"."ingested_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "custom_events"."ingested_at" < TIMESTAMP '2026-11-02 00:00:00';

-- native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("custom_events"."ingested_at" IS NULL) THEN 0 WHEN ("custom_events"."ingested_at" < TIMESTAMP '2026-11-01 00:00:00') THEN 1 WHEN ("custom_events"."ingested_at" >= TIMESTAMP '2026-11-02 00:00:00') THEN 2 END AS part
FROM "custom_events"
WHERE "custom_events"."ingested_at" IS NULL OR "custom_events"."ingested_at" < TIMESTAMP '2026-11-01 00:00:00' OR "custom_events"."ingested_at" >= TIMESTAMP '2026-11-02 00:00:00') AS counted GROUP BY counted.part;

-- sdk_log sdk_events: read
SELECT "sdk_events"."id" AS row_key, CASE WHEN ("sdk_events"."event" IS NOT NULL) THEN json_format(CAST("sdk_events"."event" AS JSON)) END AS event, CASE WHEN ("sdk_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("sdk_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, "sdk_events"."received_at" AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "sdk_events"."received_at" < TIMESTAMP '2026-11-02 00:00:00';

-- sdk_log sdk_events: read gate_exposure
SELECT "sdk_events"."id" AS row_key, CASE WHEN ("sdk_events"."event" IS NOT NULL) THEN json_format(CAST("sdk_events"."event" AS JSON)) END AS event, CASE WHEN ("sdk_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("sdk_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, "sdk_events"."received_at" AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "sdk_events"."received_at" < TIMESTAMP '2026-11-02 00:00:00';

-- sdk_log sdk_events: read custom_event
SELECT "sdk_events"."id" AS row_key, CASE WHEN ("sdk_events"."event" IS NOT NULL) THEN json_format(CAST("sdk_events"."event" AS JSON)) END AS event, CASE WHEN ("sdk_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("sdk_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, "sdk_events"."received_at" AS received_at
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "sdk_events"."received_at" < TIMESTAMP '2026-11-02 00:00:00';

-- sdk_log sdk_events: count
SELECT count(*) AS count_1
FROM "sdk_events"
WHERE "sdk_events"."received_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "sdk_events"."received_at" < TIMESTAMP '2026-11-02 00:00:00';

-- sdk_log sdk_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("sdk_events"."received_at" IS NULL) THEN 0 WHEN ("sdk_events"."received_at" < TIMESTAMP '2026-11-01 00:00:00') THEN 1 WHEN ("sdk_events"."received_at" >= TIMESTAMP '2026-11-02 00:00:00') THEN 2 END AS part
FROM "sdk_events"
WHERE "sdk_events"."received_at" IS NULL OR "sdk_events"."received_at" < TIMESTAMP '2026-11-01 00:00:00' OR "sdk_events"."received_at" >= TIMESTAMP '2026-11-02 00:00:00') AS counted GROUP BY counted.part;

-- statsig_events statsig_events: read
SELECT "statsig_events"."record_number" AS row_key, "statsig_events"."timeuuid" AS time_uuid, "statsig_events"."event_name" AS event_name, CASE WHEN ("statsig_events"."user" IS NOT NULL) THEN json_format(CAST("statsig_events"."user" AS JSON)) END AS user, "statsig_events"."event_value" AS value, CASE WHEN ("statsig_events"."event_metadata" IS NOT NULL) THEN json_format(CAST("statsig_events"."event_metadata" AS JSON)) END AS metadata, CAST("statsig_events"."time" AS VARCHAR) AS timestamp
FROM "statsig_events"
WHERE "statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000;

-- statsig_events statsig_events: read gate_exposure
SELECT "statsig_events"."record_number" AS row_key, "statsig_events"."timeuuid" AS time_uuid, "statsig_events"."event_name" AS event_name, CASE WHEN ("statsig_events"."user" IS NOT NULL) THEN json_format(CAST("statsig_events"."user" AS JSON)) END AS user, "statsig_events"."event_value" AS value, CASE WHEN ("statsig_events"."event_metadata" IS NOT NULL) THEN json_format(CAST("statsig_events"."event_metadata" AS JSON)) END AS metadata, CAST("statsig_events"."time" AS VARCHAR) AS timestamp
FROM "statsig_events"
WHERE ("statsig_events"."time" >= 1793491200 AND "statsig_events"."time" < 1793577600 OR "statsig_events"."time" >= 1793491200000 AND "statsig_events"."time" < 1793577600000 OR "statsig_events"."time" >= 1793491200000000 AND "statsig_events"."time" < 1793577600000000 OR "statsig_events"."time" >= 1793491200000000000 AND "statsig_events"."time" < 1793577600000000000) AND "statsig_events"."event_name" IN ('statsig::gate_exposure');

-- statsig_events statsig_events: read custom_event
SELECT "statsig_events"."record_number" AS row_key, "statsig_events"."timeuuid" AS time_uuid, "statsig_events"."event_name" AS event_name, CASE WHEN ("statsig_events"."user" IS NOT NULL) THEN json_format(CAST("statsig_events"."user" AS JSON)) END AS user, "statsig_events"."event_value" AS value, CASE WHEN ("statsig_events"."event_metadata" IS NOT NULL) THEN json_format(CAST("statsig_events"."event_metadata" AS JSON)) END AS metadata, CAST("statsig_events"."time" AS VARCHAR) AS timestamp
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
SELECT "exposures"."exposure_type" AS exposure_type, "exposures"."name" AS name, "exposures"."rule" AS rule_id, "exposures"."experiment_group" AS group_name, "exposures"."unit_id" AS unit_id, "exposures"."unit_type" AS unit_type, CASE WHEN ("exposures"."user_dimensions" IS NOT NULL) THEN json_format(CAST("exposures"."user_dimensions" AS JSON)) END AS user_dimensions, "exposures"."first_exposure_utc" AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "exposures"."inserted_at" < TIMESTAMP '2026-11-02 00:00:00';

-- cloud_exports exposures: read config_exposure
SELECT "exposures"."exposure_type" AS exposure_type, "exposures"."name" AS name, "exposures"."rule" AS rule_id, "exposures"."experiment_group" AS group_name, "exposures"."unit_id" AS unit_id, "exposures"."unit_type" AS unit_type, CASE WHEN ("exposures"."user_dimensions" IS NOT NULL) THEN json_format(CAST("exposures"."user_dimensions" AS JSON)) END AS user_dimensions, "exposures"."first_exposure_utc" AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "exposures"."inserted_at" < TIMESTAMP '2026-11-02 00:00:00' AND "exposures"."exposure_type" IN ('config', 'dynamic_config', 'get_config');

-- cloud_exports exposures: read gate_exposure
SELECT "exposures"."exposure_type" AS exposure_type, "exposures"."name" AS name, "exposures"."rule" AS rule_id, "exposures"."experiment_group" AS group_name, "exposures"."unit_id" AS unit_id, "exposures"."unit_type" AS unit_type, CASE WHEN ("exposures"."user_dimensions" IS NOT NULL) THEN json_format(CAST("exposures"."user_dimensions" AS JSON)) END AS user_dimensions, "exposures"."first_exposure_utc" AS timestamp
FROM "exposures"
WHERE "exposures"."inserted_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "exposures"."inserted_at" < TIMESTAMP '2026-11-02 00:00:00' AND ("exposures"."exposure_type" IS NULL OR ("exposures"."exposure_type" NOT IN ('config', 'dynamic_config', 'experiment', 'get_config', 'get_experiment', 'get_layer', 'layer')));

-- cloud_exports exposures: count
SELECT count(*) AS count_1
FROM "exposures"
WHERE "exposures"."inserted_at" >= TIMESTAMP '2026-11-01 00:00:00' AND "exposures"."inserted_at" < TIMESTAMP '2026-11-02 00:00:00';

-- cloud_exports exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("exposures"."inserted_at" IS NULL) THEN 0 WHEN ("exposures"."inserted_at" < TIMESTAMP '2026-11-01 00:00:00') THEN 1 WHEN ("exposures"."inserted_at" >= TIMESTAMP '2026-11-02 00:00:00') THEN 2 END AS part
FROM "exposures"
WHERE "exposures"."inserted_at" IS NULL OR "exposures"."inserted_at" < TIMESTAMP '2026-11-01 00:00:00' OR "exposures"."inserted_at" >= TIMESTAMP '2026-11-02 00:00:00') AS counted GROUP BY counted.part;

-- cloud_exports custom_events: read
SELECT "events"."event_name" AS event_name, "events"."event_value" AS value, CASE WHEN ("events"."user_object" IS NOT NULL) THEN json_format(CAST("events"."user_object" AS JSON)) END AS user, CASE WHEN ("events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("events"."statsig_metadata" AS JSON)) END AS statsig_metadata, CASE WHEN ("events"."company_metadata" IS NOT NULL) THEN json_format(CAST("events"."company_metadata" AS JSON)) END AS metadata, "events"."timestamp" AS timestamp, "events"."user_id" AS "unit_userID", "events"."stable_id" AS "unit_stableID", CASE WHEN ("events"."custom_ids" IS NOT NULL) THEN json_format(CAST("events"."custom_ids" AS JSON)) END AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "events"."timestamp" < TIMESTAMP '2026-11-02 00:00:00';

-- cloud_exports custom_events: read config_change
SELECT "events"."event_name" AS event_name, "events"."event_value" AS value, CASE WHEN ("events"."user_object" IS NOT NULL) THEN json_format(CAST("events"."user_object" AS JSON)) END AS user, CASE WHEN ("events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("events"."statsig_metadata" AS JSON)) END AS statsig_metadata, CASE WHEN ("events"."company_metadata" IS NOT NULL) THEN json_format(CAST("events"."company_metadata" AS JSON)) END AS metadata, "events"."timestamp" AS timestamp, "events"."user_id" AS "unit_userID", "events"."stable_id" AS "unit_stableID", CASE WHEN ("events"."custom_ids" IS NOT NULL) THEN json_format(CAST("events"."custom_ids" AS JSON)) END AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "events"."timestamp" < TIMESTAMP '2026-11-02 00:00:00' AND "events"."event_name" IN ('statsig::config_change');

-- cloud_exports custom_events: read custom_event
SELECT "events"."event_name" AS event_name, "events"."event_value" AS value, CASE WHEN ("events"."user_object" IS NOT NULL) THEN json_format(CAST("events"."user_object" AS JSON)) END AS user, CASE WHEN ("events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("events"."statsig_metadata" AS JSON)) END AS statsig_metadata, CASE WHEN ("events"."company_metadata" IS NOT NULL) THEN json_format(CAST("events"."company_metadata" AS JSON)) END AS metadata, "events"."timestamp" AS timestamp, "events"."user_id" AS "unit_userID", "events"."stable_id" AS "unit_stableID", CASE WHEN ("events"."custom_ids" IS NOT NULL) THEN json_format(CAST("events"."custom_ids" AS JSON)) END AS custom_ids
FROM "events"
WHERE "events"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "events"."timestamp" < TIMESTAMP '2026-11-02 00:00:00' AND ("events"."event_name" IS NULL OR ("events"."event_name" NOT IN ('statsig::config_change')));

-- cloud_exports custom_events: count
SELECT count(*) AS count_1
FROM "events"
WHERE "events"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "events"."timestamp" < TIMESTAMP '2026-11-02 00:00:00';

-- cloud_exports custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("events"."timestamp" IS NULL) THEN 0 WHEN ("events"."timestamp" < TIMESTAMP '2026-11-01 00:00:00') THEN 1 WHEN ("events"."timestamp" >= TIMESTAMP '2026-11-02 00:00:00') THEN 2 END AS part
FROM "events"
WHERE "events"."timestamp" IS NULL OR "events"."timestamp" < TIMESTAMP '2026-11-01 00:00:00' OR "events"."timestamp" >= TIMESTAMP '2026-11-02 00:00:00') AS counted GROUP BY counted.part;

-- warehouse_native exposures: read
SELECT "statsig_forwarded_exposures"."experiment_id" AS name, "statsig_forwarded_exposures"."group_id" AS rule_id, "statsig_forwarded_exposures"."group_name" AS group_name, CASE WHEN ("statsig_forwarded_exposures"."user_dimensions" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_exposures"."user_dimensions" AS JSON)) END AS user_dimensions, "statsig_forwarded_exposures"."timestamp" AS timestamp, "statsig_forwarded_exposures"."user_id" AS "unit_userID", "statsig_forwarded_exposures"."stable_id" AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "statsig_forwarded_exposures"."timestamp" < TIMESTAMP '2026-11-02 00:00:00';

-- warehouse_native exposures: read gate_exposure
SELECT "statsig_forwarded_exposures"."experiment_id" AS name, "statsig_forwarded_exposures"."group_id" AS rule_id, "statsig_forwarded_exposures"."group_name" AS group_name, CASE WHEN ("statsig_forwarded_exposures"."user_dimensions" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_exposures"."user_dimensions" AS JSON)) END AS user_dimensions, "statsig_forwarded_exposures"."timestamp" AS timestamp, "statsig_forwarded_exposures"."user_id" AS "unit_userID", "statsig_forwarded_exposures"."stable_id" AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "statsig_forwarded_exposures"."timestamp" < TIMESTAMP '2026-11-02 00:00:00';

-- warehouse_native exposures: read experiment_exposure
SELECT "statsig_forwarded_exposures"."experiment_id" AS name, "statsig_forwarded_exposures"."group_id" AS rule_id, "statsig_forwarded_exposures"."group_name" AS group_name, CASE WHEN ("statsig_forwarded_exposures"."user_dimensions" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_exposures"."user_dimensions" AS JSON)) END AS user_dimensions, "statsig_forwarded_exposures"."timestamp" AS timestamp, "statsig_forwarded_exposures"."user_id" AS "unit_userID", "statsig_forwarded_exposures"."stable_id" AS "unit_stableID"
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "statsig_forwarded_exposures"."timestamp" < TIMESTAMP '2026-11-02 00:00:00';

-- warehouse_native exposures: count
SELECT count(*) AS count_1
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "statsig_forwarded_exposures"."timestamp" < TIMESTAMP '2026-11-02 00:00:00';

-- warehouse_native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("statsig_forwarded_exposures"."timestamp" IS NULL) THEN 0 WHEN ("statsig_forwarded_exposures"."timestamp" < TIMESTAMP '2026-11-01 00:00:00') THEN 1 WHEN ("statsig_forwarded_exposures"."timestamp" >= TIMESTAMP '2026-11-02 00:00:00') THEN 2 END AS part
FROM "statsig_forwarded_exposures"
WHERE "statsig_forwarded_exposures"."timestamp" IS NULL OR "statsig_forwarded_exposures"."timestamp" < TIMESTAMP '2026-11-01 00:00:00' OR "statsig_forwarded_exposures"."timestamp" >= TIMESTAMP '2026-11-02 00:00:00') AS counted GROUP BY counted.part;

-- warehouse_native custom_events: read
SELECT "statsig_forwarded_events"."event_name" AS event_name, "statsig_forwarded_events"."event_value" AS value, CASE WHEN ("statsig_forwarded_events"."user_object" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."user_object" AS JSON)) END AS user, CASE WHEN ("statsig_forwarded_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, CASE WHEN ("statsig_forwarded_events"."company_metadata" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."company_metadata" AS JSON)) END AS metadata, "statsig_forwarded_events"."timestamp" AS timestamp, "statsig_forwarded_events"."user_id" AS "unit_userID", "statsig_forwarded_events"."stable_id" AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "statsig_forwarded_events"."timestamp" < TIMESTAMP '2026-11-02 00:00:00';

-- warehouse_native custom_events: read config_change
SELECT "statsig_forwarded_events"."event_name" AS event_name, "statsig_forwarded_events"."event_value" AS value, CASE WHEN ("statsig_forwarded_events"."user_object" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."user_object" AS JSON)) END AS user, CASE WHEN ("statsig_forwarded_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, CASE WHEN ("statsig_forwarded_events"."company_metadata" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."company_metadata" AS JSON)) END AS metadata, "statsig_forwarded_events"."timestamp" AS timestamp, "statsig_forwarded_events"."user_id" AS "unit_userID", "statsig_forwarded_events"."stable_id" AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "statsig_forwarded_events"."timestamp" < TIMESTAMP '2026-11-02 00:00:00' AND "statsig_forwarded_events"."event_name" IN ('statsig::config_change');

-- warehouse_native custom_events: read custom_event
SELECT "statsig_forwarded_events"."event_name" AS event_name, "statsig_forwarded_events"."event_value" AS value, CASE WHEN ("statsig_forwarded_events"."user_object" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."user_object" AS JSON)) END AS user, CASE WHEN ("statsig_forwarded_events"."statsig_metadata" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."statsig_metadata" AS JSON)) END AS statsig_metadata, CASE WHEN ("statsig_forwarded_events"."company_metadata" IS NOT NULL) THEN json_format(CAST("statsig_forwarded_events"."company_metadata" AS JSON)) END AS metadata, "statsig_forwarded_events"."timestamp" AS timestamp, "statsig_forwarded_events"."user_id" AS "unit_userID", "statsig_forwarded_events"."stable_id" AS "unit_stableID"
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "statsig_forwarded_events"."timestamp" < TIMESTAMP '2026-11-02 00:00:00' AND ("statsig_forwarded_events"."event_name" IS NULL OR ("statsig_forwarded_events"."event_name" NOT IN ('statsig::config_change')));

-- warehouse_native custom_events: count
SELECT count(*) AS count_1
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" >= TIMESTAMP '2026-11-01 00:00:00' AND "statsig_forwarded_events"."timestamp" < TIMESTAMP '2026-11-02 00:00:00';

-- warehouse_native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN ("statsig_forwarded_events"."timestamp" IS NULL) THEN 0 WHEN ("statsig_forwarded_events"."timestamp" < TIMESTAMP '2026-11-01 00:00:00') THEN 1 WHEN ("statsig_forwarded_events"."timestamp" >= TIMESTAMP '2026-11-02 00:00:00') THEN 2 END AS part
FROM "statsig_forwarded_events"
WHERE "statsig_forwarded_events"."timestamp" IS NULL OR "statsig_forwarded_events"."timestamp" < TIMESTAMP '2026-11-01 00:00:00' OR "statsig_forwarded_events"."timestamp" >= TIMESTAMP '2026-11-02 00:00:00') AS counted GROUP BY counted.part;

