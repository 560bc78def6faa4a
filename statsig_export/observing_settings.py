"""`[metrics]`, `[traces]` and `[lineage]` of export.toml: what other systems are shown of a run, beside the ledger."""

from pydantic import Field

from statsig_export.settings import Place, Settings


class MetricSettings(Settings):
    """`[metrics]`: what Dagster's daemon writes for Prometheus; the verb `metrics` needs none of it."""

    textfile: Place | None = None
    """The file for node_exporter, ending in .prom (relative to the configuration file), or env:NAME. Dagster's
    metrics_sensor replaces it each minute; left out, there is no such sensor."""


class TraceSettings(Settings):
    """`[traces]`: spans of exports and shipments, for OpenTelemetry."""

    opentelemetry: bool = Field(default=False, strict=True)
    """Whether runs emit spans; needs statsig-export[otel]. Where they go is said as for every official SDK: by
    OTEL_EXPORTER_OTLP_ENDPOINT and the other OTEL_* variables."""


class LineageSettings(Settings):
    """`[lineage]`: telling other systems of runs and datasets. What `trace` needs is recorded in any case."""

    openlineage: bool = False
    """Whether runs emit OpenLineage events; needs statsig-export[openlineage]. Where the events go is
    said as for every official client: by OPENLINEAGE_* variables or openlineage.yml."""
    namespace: str = Field(default="statsig_export", min_length=1)
    """The namespace of the jobs."""
