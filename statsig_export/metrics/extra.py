"""What the metrics need beside this package: without it, one sentence says what to install."""

from collections.abc import Iterator
from contextlib import contextmanager

from statsig_export.errors import ConfigError


@contextmanager
def needs_prometheus(who: str) -> Iterator[None]:
    """Around the imports of what is made of prometheus-client."""
    try:
        yield
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "prometheus_client":
            raise
        hint = "pip install 'statsig-export[metrics]'"
        raise ConfigError(f"{who} needs prometheus-client", hint=hint) from None
