-- native exposures: read
SELECT exposures."ID" AS row_key, exposures."TIME_UUID" AS time_uuid, exposures."USER_ID" AS user_id, CASE WHEN (exposures."USER" IS NOT NULL) THEN to_json(exposures."USER") END AS user, CASE WHEN (exposures."METADATA" IS NOT NULL) THEN to_json(exposures."METADATA") END AS metadata, CASE WHEN (exposures."STATSIG_METADATA" IS NOT NULL) THEN to_json(exposures."STATSIG_METADATA") END AS statsig_metadata, exposures."TIMESTAMP" AS timestamp, exposures."EXPOSURE_TYPE" AS exposure_type, exposures."NAME" AS name, exposures."RULE_ID" AS rule_id, exposures."GATE_VALUE" AS gate_value, exposures."GROUP_NAME" AS group_name, exposures."REASON" AS reason, exposures."UNIT_TYPE" AS unit_type
FROM exposures
WHERE exposures."INGESTED_AT" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND exposures."INGESTED_AT" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ);

-- native exposures: read config_exposure
SELECT exposures."ID" AS row_key, exposures."TIME_UUID" AS time_uuid, exposures."USER_ID" AS user_id, CASE WHEN (exposures."USER" IS NOT NULL) THEN to_json(exposures."USER") END AS user, CASE WHEN (exposures."METADATA" IS NOT NULL) THEN to_json(exposures."METADATA") END AS metadata, CASE WHEN (exposures."STATSIG_METADATA" IS NOT NULL) THEN to_json(exposures."STATSIG_METADATA") END AS statsig_metadata, exposures."TIMESTAMP" AS timestamp, exposures."EXPOSURE_TYPE" AS exposure_type, exposures."NAME" AS name, exposures."RULE_ID" AS rule_id, exposures."GATE_VALUE" AS gate_value, exposures."GROUP_NAME" AS group_name, exposures."REASON" AS reason, exposures."UNIT_TYPE" AS unit_type
FROM exposures
WHERE exposures."INGESTED_AT" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND exposures."INGESTED_AT" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ) AND exposures."EXPOSURE_TYPE" IN ('config', 'dynamic_config', 'get_config');

-- native exposures: read gate_exposure
SELECT exposures."ID" AS row_key, exposures."TIME_UUID" AS time_uuid, exposures."USER_ID" AS user_id, CASE WHEN (exposures."USER" IS NOT NULL) THEN to_json(exposures."USER") END AS user, CASE WHEN (exposures."METADATA" IS NOT NULL) THEN to_json(exposures."METADATA") END AS metadata, CASE WHEN (exposures."STATSIG_METADATA" IS NOT NULL) THEN to_json(exposures."STATSIG_METADATA") END AS statsig_metadata, exposures."TIMESTAMP" AS timestamp, exposures."EXPOSURE_TYPE" AS exposure_type, exposures."NAME" AS name, exposures."RULE_ID" AS rule_id, exposures."GATE_VALUE" AS gate_value, exposures."GROUP_NAME" AS group_name, exposures."REASON" AS reason, exposures."UNIT_TYPE" AS unit_type
FROM exposures
WHERE exposures."INGESTED_AT" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND exposures."INGESTED_AT" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ) AND (exposures."EXPOSURE_TYPE" IS NULL OR (exposures."EXPOSURE_TYPE" NOT IN ('config', 'dynamic_config', 'experiment', 'get_config', 'get_experiment', 'get_layer', 'layer')));

-- native exposures: count
SELECT count(*) AS count_1
FROM exposures
WHERE exposures."INGESTED_AT" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND exposures."INGESTED_AT" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ);

-- native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (exposures."INGESTED_AT" IS NULL) THEN 0 WHEN (exposures."INGESTED_AT" < CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ)) THEN 1 WHEN (exposures."INGESTED_AT" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ)) THEN 2 END AS part
FROM exposures
WHERE exposures."INGESTED_AT" IS NULL OR exposures."INGESTED_AT" < CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) OR exposures."INGESTED_AT" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ)) AS counted GROUP BY counted.part;

-- native custom_events: read
SELECT custom_events."ID" AS row_key, custom_events."TIME_UUID" AS time_uuid, custom_events."USER_ID" AS user_id, CASE WHEN (custom_events."USER" IS NOT NULL) THEN to_json(custom_events."USER") END AS user, CASE WHEN (custom_events."METADATA" IS NOT NULL) THEN to_json(custom_events."METADATA") END AS metadata, CASE WHEN (custom_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(custom_events."STATSIG_METADATA") END AS statsig_metadata, custom_events."TIMESTAMP" AS timestamp, custom_events."EVENT_NAME" AS event_name, custom_events."VALUE" AS value
FROM custom_events
WHERE custom_events."INGESTED_AT" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND custom_events."INGESTED_AT" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- native custom_events: read config_change
SELECT custom_events."ID" AS row_key, custom_events."TIME_UUID" AS time_uuid, custom_events."USER_ID" AS user_id, CASE WHEN (custom_events."USER" IS NOT NULL) THEN to_json(custom_events."USER") END AS user, CASE WHEN (custom_events."METADATA" IS NOT NULL) THEN to_json(custom_events."METADATA") END AS metadata, CASE WHEN (custom_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(custom_events."STATSIG_METADATA") END AS statsig_metadata, custom_events."TIMESTAMP" AS timestamp, custom_events."EVENT_NAME" AS event_name, custom_events."VALUE" AS value
FROM custom_events
WHERE custom_events."INGESTED_AT" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND custom_events."INGESTED_AT" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ) AND custom_events."EVENT_NAME" IN ('statsig::config_change');

-- native custom_events: read custom_event
SELECT custom_events."ID" AS row_key, custom_events."TIME_UUID" AS time_uuid, custom_events."USER_ID" AS user_id, CASE WHEN (custom_events."USER" IS NOT NULL) THEN to_json(custom_events."USER") END AS user, CASE WHEN (custom_events."METADATA" IS NOT NULL) THEN to_json(custom_events."METADATA") END AS metadata, CASE WHEN (custom_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(custom_events."STATSIG_METADATA") END AS statsig_metadata, custom_events."TIMESTAMP" AS timestamp, custom_events."EVENT_NAME" AS event_name, custom_events."VALUE" AS value
FROM custom_events
WHERE custom_events."INGESTED_AT" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND custom_events."INGESTED_AT" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ) AND (custom_events."EVENT_NAME" IS NULL OR (custom_events."EVENT_NAME" NOT IN ('statsig::config_change')));

-- native custom_events: count
SELECT count(*) AS count_1
FROM custom_events
WHERE custom_events."INGESTED_AT" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND custom_events."INGESTED_AT" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (custom_events."INGESTED_AT" IS NULL) THEN 0 WHEN (custom_events."INGESTED_AT" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ)) THEN 1 WHEN (custom_events."INGESTED_AT" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ)) THEN 2 END AS part
FROM custom_events
WHERE custom_events."INGESTED_AT" IS NULL OR custom_events."INGESTED_AT" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) OR custom_events."INGESTED_AT" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ)) AS counted GROUP BY counted.part;

-- sdk_log sdk_events: read
SELECT sdk_events."ID" AS row_key, CASE WHEN (sdk_events."EVENT" IS NOT NULL) THEN to_json(sdk_events."EVENT") END AS event, CASE WHEN (sdk_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(sdk_events."STATSIG_METADATA") END AS statsig_metadata, CAST(convert_timezone('UTC', sdk_events."RECEIVED_AT") AS TIMESTAMP_NTZ) AS received_at
FROM sdk_events
WHERE sdk_events."RECEIVED_AT" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND sdk_events."RECEIVED_AT" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- sdk_log sdk_events: read gate_exposure
SELECT sdk_events."ID" AS row_key, CASE WHEN (sdk_events."EVENT" IS NOT NULL) THEN to_json(sdk_events."EVENT") END AS event, CASE WHEN (sdk_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(sdk_events."STATSIG_METADATA") END AS statsig_metadata, CAST(convert_timezone('UTC', sdk_events."RECEIVED_AT") AS TIMESTAMP_NTZ) AS received_at
FROM sdk_events
WHERE sdk_events."RECEIVED_AT" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND sdk_events."RECEIVED_AT" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- sdk_log sdk_events: read custom_event
SELECT sdk_events."ID" AS row_key, CASE WHEN (sdk_events."EVENT" IS NOT NULL) THEN to_json(sdk_events."EVENT") END AS event, CASE WHEN (sdk_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(sdk_events."STATSIG_METADATA") END AS statsig_metadata, CAST(convert_timezone('UTC', sdk_events."RECEIVED_AT") AS TIMESTAMP_NTZ) AS received_at
FROM sdk_events
WHERE sdk_events."RECEIVED_AT" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND sdk_events."RECEIVED_AT" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- sdk_log sdk_events: count
SELECT count(*) AS count_1
FROM sdk_events
WHERE sdk_events."RECEIVED_AT" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND sdk_events."RECEIVED_AT" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- sdk_log sdk_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (sdk_events."RECEIVED_AT" IS NULL) THEN 0 WHEN (sdk_events."RECEIVED_AT" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ)) THEN 1 WHEN (sdk_events."RECEIVED_AT" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ)) THEN 2 END AS part
FROM sdk_events
WHERE sdk_events."RECEIVED_AT" IS NULL OR sdk_events."RECEIVED_AT" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) OR sdk_events."RECEIVED_AT" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ)) AS counted GROUP BY counted.part;

-- statsig_events statsig_events: read
SELECT statsig_events."RECORD_NUMBER" AS row_key, statsig_events."TIMEUUID" AS time_uuid, statsig_events."EVENT_NAME" AS event_name, CASE WHEN (statsig_events."USER" IS NOT NULL) THEN to_json(statsig_events."USER") END AS user, statsig_events."EVENT_VALUE" AS value, CASE WHEN (statsig_events."EVENT_METADATA" IS NOT NULL) THEN to_json(statsig_events."EVENT_METADATA") END AS metadata, CAST(statsig_events."TIME" AS TEXT) AS timestamp
FROM statsig_events
WHERE statsig_events."TIME" >= 1793491200 AND statsig_events."TIME" < 1793577600 OR statsig_events."TIME" >= 1793491200000 AND statsig_events."TIME" < 1793577600000 OR statsig_events."TIME" >= 1793491200000000 AND statsig_events."TIME" < 1793577600000000 OR statsig_events."TIME" >= 1793491200000000000 AND statsig_events."TIME" < 1793577600000000000;

-- statsig_events statsig_events: read gate_exposure
SELECT statsig_events."RECORD_NUMBER" AS row_key, statsig_events."TIMEUUID" AS time_uuid, statsig_events."EVENT_NAME" AS event_name, CASE WHEN (statsig_events."USER" IS NOT NULL) THEN to_json(statsig_events."USER") END AS user, statsig_events."EVENT_VALUE" AS value, CASE WHEN (statsig_events."EVENT_METADATA" IS NOT NULL) THEN to_json(statsig_events."EVENT_METADATA") END AS metadata, CAST(statsig_events."TIME" AS TEXT) AS timestamp
FROM statsig_events
WHERE (statsig_events."TIME" >= 1793491200 AND statsig_events."TIME" < 1793577600 OR statsig_events."TIME" >= 1793491200000 AND statsig_events."TIME" < 1793577600000 OR statsig_events."TIME" >= 1793491200000000 AND statsig_events."TIME" < 1793577600000000 OR statsig_events."TIME" >= 1793491200000000000 AND statsig_events."TIME" < 1793577600000000000) AND statsig_events."EVENT_NAME" IN ('statsig::gate_exposure');

-- statsig_events statsig_events: read custom_event
SELECT statsig_events."RECORD_NUMBER" AS row_key, statsig_events."TIMEUUID" AS time_uuid, statsig_events."EVENT_NAME" AS event_name, CASE WHEN (statsig_events."USER" IS NOT NULL) THEN to_json(statsig_events."USER") END AS user, statsig_events."EVENT_VALUE" AS value, CASE WHEN (statsig_events."EVENT_METADATA" IS NOT NULL) THEN to_json(statsig_events."EVENT_METADATA") END AS metadata, CAST(statsig_events."TIME" AS TEXT) AS timestamp
FROM statsig_events
WHERE (statsig_events."TIME" >= 1793491200 AND statsig_events."TIME" < 1793577600 OR statsig_events."TIME" >= 1793491200000 AND statsig_events."TIME" < 1793577600000 OR statsig_events."TIME" >= 1793491200000000 AND statsig_events."TIME" < 1793577600000000 OR statsig_events."TIME" >= 1793491200000000000 AND statsig_events."TIME" < 1793577600000000000) AND (statsig_events."EVENT_NAME" IS NULL OR (statsig_events."EVENT_NAME" NOT IN ('statsig::config_change', 'statsig::config_exposure', 'statsig::experiment_exposure', 'statsig::gate_exposure', 'statsig::layer_exposure')));

-- statsig_events statsig_events: count
SELECT count(*) AS count_1
FROM statsig_events
WHERE statsig_events."TIME" >= 1793491200 AND statsig_events."TIME" < 1793577600 OR statsig_events."TIME" >= 1793491200000 AND statsig_events."TIME" < 1793577600000 OR statsig_events."TIME" >= 1793491200000000 AND statsig_events."TIME" < 1793577600000000 OR statsig_events."TIME" >= 1793491200000000000 AND statsig_events."TIME" < 1793577600000000000;

-- statsig_events statsig_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (statsig_events."TIME" IS NULL OR statsig_events."TIME" < 0) THEN 0 WHEN (statsig_events."TIME" >= 0 AND statsig_events."TIME" < 1793491200 OR statsig_events."TIME" >= 100000000000 AND statsig_events."TIME" < 1793491200000 OR statsig_events."TIME" >= 100000000000000 AND statsig_events."TIME" < 1793491200000000 OR statsig_events."TIME" >= 100000000000000000 AND statsig_events."TIME" < 1793491200000000000) THEN 1 WHEN (statsig_events."TIME" >= 1793577600 AND statsig_events."TIME" < 100000000000 OR statsig_events."TIME" >= 1793577600000 AND statsig_events."TIME" < 100000000000000 OR statsig_events."TIME" >= 1793577600000000 AND statsig_events."TIME" < 100000000000000000 OR statsig_events."TIME" >= 1793577600000000000) THEN 2 END AS part
FROM statsig_events
WHERE statsig_events."TIME" IS NULL OR statsig_events."TIME" < 0 OR statsig_events."TIME" >= 0 AND statsig_events."TIME" < 1793491200 OR statsig_events."TIME" >= 100000000000 AND statsig_events."TIME" < 1793491200000 OR statsig_events."TIME" >= 100000000000000 AND statsig_events."TIME" < 1793491200000000 OR statsig_events."TIME" >= 100000000000000000 AND statsig_events."TIME" < 1793491200000000000 OR statsig_events."TIME" >= 1793577600 AND statsig_events."TIME" < 100000000000 OR statsig_events."TIME" >= 1793577600000 AND statsig_events."TIME" < 100000000000000 OR statsig_events."TIME" >= 1793577600000000 AND statsig_events."TIME" < 100000000000000000 OR statsig_events."TIME" >= 1793577600000000000) AS counted GROUP BY counted.part;

-- cloud_exports exposures: read
SELECT exposures."EXPOSURE_TYPE" AS exposure_type, exposures."NAME" AS name, exposures."RULE" AS rule_id, exposures."EXPERIMENT_GROUP" AS group_name, exposures."UNIT_ID" AS unit_id, exposures."UNIT_TYPE" AS unit_type, CASE WHEN (exposures."USER_DIMENSIONS" IS NOT NULL) THEN to_json(exposures."USER_DIMENSIONS") END AS user_dimensions, exposures."FIRST_EXPOSURE_UTC" AS timestamp
FROM exposures
WHERE exposures."INSERTED_AT" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND exposures."INSERTED_AT" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ);

-- cloud_exports exposures: read config_exposure
SELECT exposures."EXPOSURE_TYPE" AS exposure_type, exposures."NAME" AS name, exposures."RULE" AS rule_id, exposures."EXPERIMENT_GROUP" AS group_name, exposures."UNIT_ID" AS unit_id, exposures."UNIT_TYPE" AS unit_type, CASE WHEN (exposures."USER_DIMENSIONS" IS NOT NULL) THEN to_json(exposures."USER_DIMENSIONS") END AS user_dimensions, exposures."FIRST_EXPOSURE_UTC" AS timestamp
FROM exposures
WHERE exposures."INSERTED_AT" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND exposures."INSERTED_AT" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ) AND exposures."EXPOSURE_TYPE" IN ('config', 'dynamic_config', 'get_config');

-- cloud_exports exposures: read gate_exposure
SELECT exposures."EXPOSURE_TYPE" AS exposure_type, exposures."NAME" AS name, exposures."RULE" AS rule_id, exposures."EXPERIMENT_GROUP" AS group_name, exposures."UNIT_ID" AS unit_id, exposures."UNIT_TYPE" AS unit_type, CASE WHEN (exposures."USER_DIMENSIONS" IS NOT NULL) THEN to_json(exposures."USER_DIMENSIONS") END AS user_dimensions, exposures."FIRST_EXPOSURE_UTC" AS timestamp
FROM exposures
WHERE exposures."INSERTED_AT" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND exposures."INSERTED_AT" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ) AND (exposures."EXPOSURE_TYPE" IS NULL OR (exposures."EXPOSURE_TYPE" NOT IN ('config', 'dynamic_config', 'experiment', 'get_config', 'get_experiment', 'get_layer', 'layer')));

-- cloud_exports exposures: count
SELECT count(*) AS count_1
FROM exposures
WHERE exposures."INSERTED_AT" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND exposures."INSERTED_AT" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ);

-- cloud_exports exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (exposures."INSERTED_AT" IS NULL) THEN 0 WHEN (exposures."INSERTED_AT" < CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ)) THEN 1 WHEN (exposures."INSERTED_AT" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ)) THEN 2 END AS part
FROM exposures
WHERE exposures."INSERTED_AT" IS NULL OR exposures."INSERTED_AT" < CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) OR exposures."INSERTED_AT" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ)) AS counted GROUP BY counted.part;

-- cloud_exports custom_events: read
SELECT events."EVENT_NAME" AS event_name, events."EVENT_VALUE" AS value, CASE WHEN (events."USER_OBJECT" IS NOT NULL) THEN to_json(events."USER_OBJECT") END AS user, CASE WHEN (events."STATSIG_METADATA" IS NOT NULL) THEN to_json(events."STATSIG_METADATA") END AS statsig_metadata, CASE WHEN (events."COMPANY_METADATA" IS NOT NULL) THEN to_json(events."COMPANY_METADATA") END AS metadata, CAST(convert_timezone('UTC', events."TIMESTAMP") AS TIMESTAMP_NTZ) AS timestamp, events."USER_ID" AS "unit_userID", events."STABLE_ID" AS "unit_stableID", CASE WHEN (events."CUSTOM_IDS" IS NOT NULL) THEN to_json(events."CUSTOM_IDS") END AS custom_ids
FROM events
WHERE events."TIMESTAMP" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND events."TIMESTAMP" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- cloud_exports custom_events: read config_change
SELECT events."EVENT_NAME" AS event_name, events."EVENT_VALUE" AS value, CASE WHEN (events."USER_OBJECT" IS NOT NULL) THEN to_json(events."USER_OBJECT") END AS user, CASE WHEN (events."STATSIG_METADATA" IS NOT NULL) THEN to_json(events."STATSIG_METADATA") END AS statsig_metadata, CASE WHEN (events."COMPANY_METADATA" IS NOT NULL) THEN to_json(events."COMPANY_METADATA") END AS metadata, CAST(convert_timezone('UTC', events."TIMESTAMP") AS TIMESTAMP_NTZ) AS timestamp, events."USER_ID" AS "unit_userID", events."STABLE_ID" AS "unit_stableID", CASE WHEN (events."CUSTOM_IDS" IS NOT NULL) THEN to_json(events."CUSTOM_IDS") END AS custom_ids
FROM events
WHERE events."TIMESTAMP" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND events."TIMESTAMP" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ) AND events."EVENT_NAME" IN ('statsig::config_change');

-- cloud_exports custom_events: read custom_event
SELECT events."EVENT_NAME" AS event_name, events."EVENT_VALUE" AS value, CASE WHEN (events."USER_OBJECT" IS NOT NULL) THEN to_json(events."USER_OBJECT") END AS user, CASE WHEN (events."STATSIG_METADATA" IS NOT NULL) THEN to_json(events."STATSIG_METADATA") END AS statsig_metadata, CASE WHEN (events."COMPANY_METADATA" IS NOT NULL) THEN to_json(events."COMPANY_METADATA") END AS metadata, CAST(convert_timezone('UTC', events."TIMESTAMP") AS TIMESTAMP_NTZ) AS timestamp, events."USER_ID" AS "unit_userID", events."STABLE_ID" AS "unit_stableID", CASE WHEN (events."CUSTOM_IDS" IS NOT NULL) THEN to_json(events."CUSTOM_IDS") END AS custom_ids
FROM events
WHERE events."TIMESTAMP" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND events."TIMESTAMP" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ) AND (events."EVENT_NAME" IS NULL OR (events."EVENT_NAME" NOT IN ('statsig::config_change')));

-- cloud_exports custom_events: count
SELECT count(*) AS count_1
FROM events
WHERE events."TIMESTAMP" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND events."TIMESTAMP" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- cloud_exports custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (events."TIMESTAMP" IS NULL) THEN 0 WHEN (events."TIMESTAMP" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ)) THEN 1 WHEN (events."TIMESTAMP" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ)) THEN 2 END AS part
FROM events
WHERE events."TIMESTAMP" IS NULL OR events."TIMESTAMP" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) OR events."TIMESTAMP" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ)) AS counted GROUP BY counted.part;

-- warehouse_native exposures: read
SELECT statsig_forwarded_exposures."EXPERIMENT_ID" AS name, statsig_forwarded_exposures."GROUP_ID" AS rule_id, statsig_forwarded_exposures."GROUP_NAME" AS group_name, CASE WHEN (statsig_forwarded_exposures."USER_DIMENSIONS" IS NOT NULL) THEN to_json(statsig_forwarded_exposures."USER_DIMENSIONS") END AS user_dimensions, statsig_forwarded_exposures."TIMESTAMP" AS timestamp, statsig_forwarded_exposures."USER_ID" AS "unit_userID", statsig_forwarded_exposures."STABLE_ID" AS "unit_stableID"
FROM statsig_forwarded_exposures
WHERE statsig_forwarded_exposures."TIMESTAMP" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND statsig_forwarded_exposures."TIMESTAMP" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ);

-- warehouse_native exposures: read gate_exposure
SELECT statsig_forwarded_exposures."EXPERIMENT_ID" AS name, statsig_forwarded_exposures."GROUP_ID" AS rule_id, statsig_forwarded_exposures."GROUP_NAME" AS group_name, CASE WHEN (statsig_forwarded_exposures."USER_DIMENSIONS" IS NOT NULL) THEN to_json(statsig_forwarded_exposures."USER_DIMENSIONS") END AS user_dimensions, statsig_forwarded_exposures."TIMESTAMP" AS timestamp, statsig_forwarded_exposures."USER_ID" AS "unit_userID", statsig_forwarded_exposures."STABLE_ID" AS "unit_stableID"
FROM statsig_forwarded_exposures
WHERE statsig_forwarded_exposures."TIMESTAMP" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND statsig_forwarded_exposures."TIMESTAMP" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ);

-- warehouse_native exposures: read experiment_exposure
SELECT statsig_forwarded_exposures."EXPERIMENT_ID" AS name, statsig_forwarded_exposures."GROUP_ID" AS rule_id, statsig_forwarded_exposures."GROUP_NAME" AS group_name, CASE WHEN (statsig_forwarded_exposures."USER_DIMENSIONS" IS NOT NULL) THEN to_json(statsig_forwarded_exposures."USER_DIMENSIONS") END AS user_dimensions, statsig_forwarded_exposures."TIMESTAMP" AS timestamp, statsig_forwarded_exposures."USER_ID" AS "unit_userID", statsig_forwarded_exposures."STABLE_ID" AS "unit_stableID"
FROM statsig_forwarded_exposures
WHERE statsig_forwarded_exposures."TIMESTAMP" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND statsig_forwarded_exposures."TIMESTAMP" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ);

-- warehouse_native exposures: count
SELECT count(*) AS count_1
FROM statsig_forwarded_exposures
WHERE statsig_forwarded_exposures."TIMESTAMP" >= CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) AND statsig_forwarded_exposures."TIMESTAMP" < CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ);

-- warehouse_native exposures: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (statsig_forwarded_exposures."TIMESTAMP" IS NULL) THEN 0 WHEN (statsig_forwarded_exposures."TIMESTAMP" < CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ)) THEN 1 WHEN (statsig_forwarded_exposures."TIMESTAMP" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ)) THEN 2 END AS part
FROM statsig_forwarded_exposures
WHERE statsig_forwarded_exposures."TIMESTAMP" IS NULL OR statsig_forwarded_exposures."TIMESTAMP" < CAST('2026-11-01 00:00:00' AS TIMESTAMP_NTZ) OR statsig_forwarded_exposures."TIMESTAMP" >= CAST('2026-11-02 00:00:00' AS TIMESTAMP_NTZ)) AS counted GROUP BY counted.part;

-- warehouse_native custom_events: read
SELECT statsig_forwarded_events."EVENT_NAME" AS event_name, statsig_forwarded_events."EVENT_VALUE" AS value, CASE WHEN (statsig_forwarded_events."USER_OBJECT" IS NOT NULL) THEN to_json(statsig_forwarded_events."USER_OBJECT") END AS user, CASE WHEN (statsig_forwarded_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(statsig_forwarded_events."STATSIG_METADATA") END AS statsig_metadata, CASE WHEN (statsig_forwarded_events."COMPANY_METADATA" IS NOT NULL) THEN to_json(statsig_forwarded_events."COMPANY_METADATA") END AS metadata, CAST(convert_timezone('UTC', statsig_forwarded_events."TIMESTAMP") AS TIMESTAMP_NTZ) AS timestamp, statsig_forwarded_events."USER_ID" AS "unit_userID", statsig_forwarded_events."STABLE_ID" AS "unit_stableID"
FROM statsig_forwarded_events
WHERE statsig_forwarded_events."TIMESTAMP" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND statsig_forwarded_events."TIMESTAMP" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- warehouse_native custom_events: read config_change
SELECT statsig_forwarded_events."EVENT_NAME" AS event_name, statsig_forwarded_events."EVENT_VALUE" AS value, CASE WHEN (statsig_forwarded_events."USER_OBJECT" IS NOT NULL) THEN to_json(statsig_forwarded_events."USER_OBJECT") END AS user, CASE WHEN (statsig_forwarded_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(statsig_forwarded_events."STATSIG_METADATA") END AS statsig_metadata, CASE WHEN (statsig_forwarded_events."COMPANY_METADATA" IS NOT NULL) THEN to_json(statsig_forwarded_events."COMPANY_METADATA") END AS metadata, CAST(convert_timezone('UTC', statsig_forwarded_events."TIMESTAMP") AS TIMESTAMP_NTZ) AS timestamp, statsig_forwarded_events."USER_ID" AS "unit_userID", statsig_forwarded_events."STABLE_ID" AS "unit_stableID"
FROM statsig_forwarded_events
WHERE statsig_forwarded_events."TIMESTAMP" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND statsig_forwarded_events."TIMESTAMP" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ) AND statsig_forwarded_events."EVENT_NAME" IN ('statsig::config_change');

-- warehouse_native custom_events: read custom_event
SELECT statsig_forwarded_events."EVENT_NAME" AS event_name, statsig_forwarded_events."EVENT_VALUE" AS value, CASE WHEN (statsig_forwarded_events."USER_OBJECT" IS NOT NULL) THEN to_json(statsig_forwarded_events."USER_OBJECT") END AS user, CASE WHEN (statsig_forwarded_events."STATSIG_METADATA" IS NOT NULL) THEN to_json(statsig_forwarded_events."STATSIG_METADATA") END AS statsig_metadata, CASE WHEN (statsig_forwarded_events."COMPANY_METADATA" IS NOT NULL) THEN to_json(statsig_forwarded_events."COMPANY_METADATA") END AS metadata, CAST(convert_timezone('UTC', statsig_forwarded_events."TIMESTAMP") AS TIMESTAMP_NTZ) AS timestamp, statsig_forwarded_events."USER_ID" AS "unit_userID", statsig_forwarded_events."STABLE_ID" AS "unit_stableID"
FROM statsig_forwarded_events
WHERE statsig_forwarded_events."TIMESTAMP" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND statsig_forwarded_events."TIMESTAMP" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ) AND (statsig_forwarded_events."EVENT_NAME" IS NULL OR (statsig_forwarded_events."EVENT_NAME" NOT IN ('statsig::config_change')));

-- warehouse_native custom_events: count
SELECT count(*) AS count_1
FROM statsig_forwarded_events
WHERE statsig_forwarded_events."TIMESTAMP" >= CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) AND statsig_forwarded_events."TIMESTAMP" < CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ);

-- warehouse_native custom_events: count outside
SELECT counted.part, count(*) AS count_1
FROM (SELECT CASE WHEN (statsig_forwarded_events."TIMESTAMP" IS NULL) THEN 0 WHEN (statsig_forwarded_events."TIMESTAMP" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ)) THEN 1 WHEN (statsig_forwarded_events."TIMESTAMP" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ)) THEN 2 END AS part
FROM statsig_forwarded_events
WHERE statsig_forwarded_events."TIMESTAMP" IS NULL OR statsig_forwarded_events."TIMESTAMP" < CAST('2026-11-01 00:00:00+00:00' AS TIMESTAMP_TZ) OR statsig_forwarded_events."TIMESTAMP" >= CAST('2026-11-02 00:00:00+00:00' AS TIMESTAMP_TZ)) AS counted GROUP BY counted.part;

