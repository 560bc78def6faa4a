{#- Written by `statsig-export dedupe-view --dbt`; do not edit. Each macro is the query of that verb. -#}

{% macro statsig_events_once(relation, mode='packed', id_column='time_uuid') %}
{{ return(adapter.dispatch('statsig_events_once', 'statsig_export')(relation, mode, id_column)) }}
{% endmacro %}

{% macro default__statsig_events_once(relation, mode, id_column) %}
{{ exceptions.raise_compiler_error(
  'statsig_export has no view for ' ~ target.type ~ ': it is written for snowflake, bigquery, redshift, databricks, postgres, duckdb') }}
{% endmacro %}

{% macro snowflake__statsig_events_once(relation, mode, id_column) %}
{%- if mode == 'packed' %}
select t.*, CAST(get_path(data, 'timeUUID') AS VARCHAR) as statsig_export_id
from {{ relation }} t
where true
qualify CAST(get_path(data, 'timeUUID') AS VARCHAR) is null or row_number() over (partition by CAST(get_path(data, 'timeUUID') AS VARCHAR) order by _fivetran_synced) = 1
{%- elif mode == 'unpacked' %}
select t.*, {{ id_column }} as statsig_export_id
from {{ relation }} t
where true
qualify {{ id_column }} is null or row_number() over (partition by {{ id_column }} order by _fivetran_synced) = 1
{%- else %}
{{ exceptions.raise_compiler_error('mode is packed or unpacked, not ' ~ mode) }}
{%- endif %}
{% endmacro %}

{% macro bigquery__statsig_events_once(relation, mode, id_column) %}
{%- if mode == 'packed' %}
select t.*, json_value(data, '$.timeUUID') as statsig_export_id
from {{ relation }} t
where true
qualify json_value(data, '$.timeUUID') is null or row_number() over (partition by json_value(data, '$.timeUUID') order by _fivetran_synced) = 1
{%- elif mode == 'unpacked' %}
select t.*, {{ id_column }} as statsig_export_id
from {{ relation }} t
where true
qualify {{ id_column }} is null or row_number() over (partition by {{ id_column }} order by _fivetran_synced) = 1
{%- else %}
{{ exceptions.raise_compiler_error('mode is packed or unpacked, not ' ~ mode) }}
{%- endif %}
{% endmacro %}

{% macro redshift__statsig_events_once(relation, mode, id_column) %}
{%- if mode == 'packed' %}
select *
from (select t.*, json_extract_path_text(data, 'timeUUID', true) as statsig_export_id, row_number() over (partition by json_extract_path_text(data, 'timeUUID', true) order by _fivetran_synced) as statsig_export_occurrence from {{ relation }} t) ranked
where statsig_export_id is null or statsig_export_occurrence = 1
{%- elif mode == 'unpacked' %}
select *
from (select t.*, {{ id_column }} as statsig_export_id, row_number() over (partition by {{ id_column }} order by _fivetran_synced) as statsig_export_occurrence from {{ relation }} t) ranked
where statsig_export_id is null or statsig_export_occurrence = 1
{%- else %}
{{ exceptions.raise_compiler_error('mode is packed or unpacked, not ' ~ mode) }}
{%- endif %}
{% endmacro %}

{% macro databricks__statsig_events_once(relation, mode, id_column) %}
{%- if mode == 'packed' %}
select t.*, get_json_object(data, '$.timeUUID') as statsig_export_id
from {{ relation }} t
where true
qualify get_json_object(data, '$.timeUUID') is null or row_number() over (partition by get_json_object(data, '$.timeUUID') order by _fivetran_synced) = 1
{%- elif mode == 'unpacked' %}
select t.*, {{ id_column }} as statsig_export_id
from {{ relation }} t
where true
qualify {{ id_column }} is null or row_number() over (partition by {{ id_column }} order by _fivetran_synced) = 1
{%- else %}
{{ exceptions.raise_compiler_error('mode is packed or unpacked, not ' ~ mode) }}
{%- endif %}
{% endmacro %}

{% macro postgres__statsig_events_once(relation, mode, id_column) %}
{%- if mode == 'packed' %}
select *
from (select t.*, data ->> 'timeUUID' as statsig_export_id, row_number() over (partition by data ->> 'timeUUID' order by _fivetran_synced) as statsig_export_occurrence from {{ relation }} t) ranked
where statsig_export_id is null or statsig_export_occurrence = 1
{%- elif mode == 'unpacked' %}
select *
from (select t.*, {{ id_column }} as statsig_export_id, row_number() over (partition by {{ id_column }} order by _fivetran_synced) as statsig_export_occurrence from {{ relation }} t) ranked
where statsig_export_id is null or statsig_export_occurrence = 1
{%- else %}
{{ exceptions.raise_compiler_error('mode is packed or unpacked, not ' ~ mode) }}
{%- endif %}
{% endmacro %}

{% macro duckdb__statsig_events_once(relation, mode, id_column) %}
{%- if mode == 'packed' %}
select t.*, json_extract_string(data, '$.timeUUID') as statsig_export_id
from {{ relation }} t
where true
qualify json_extract_string(data, '$.timeUUID') is null or row_number() over (partition by json_extract_string(data, '$.timeUUID') order by _fivetran_synced) = 1
{%- elif mode == 'unpacked' %}
select t.*, {{ id_column }} as statsig_export_id
from {{ relation }} t
where true
qualify {{ id_column }} is null or row_number() over (partition by {{ id_column }} order by _fivetran_synced) = 1
{%- else %}
{{ exceptions.raise_compiler_error('mode is packed or unpacked, not ' ~ mode) }}
{%- endif %}
{% endmacro %}
