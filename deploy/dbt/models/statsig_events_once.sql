{{ config(materialized='view') }}

{{ statsig_export.statsig_events_once(
  source('statsig_export', 'statsig_events'),
  mode=var('statsig_export_mode'),
  id_column=var('statsig_export_id_column')
) }}
