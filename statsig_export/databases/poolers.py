"""What a pooler refuses because of the configuration. Pure."""

from statsig_export.databases.cause import Cause
from statsig_export.errors import ConfigError


def refused_by_pooler(cause: Cause, place: str, key: str) -> ConfigError | None:
    """The error for a pooler that cannot be used so; None for any other cause. `key` is that of the URL."""
    if cause.name == "statement pooling":
        return ConfigError(
            f"{key}: the pooler at {place} gives every statement another connection (pool_mode ="
            f" statement), and a {key.partition('.')[0]} needs transactions",
            hint="name the server itself, or a pooler with pool_mode = transaction or session",
        )
    if cause.name == "unsupported startup parameter":
        return ConfigError(
            f"{key}: the pooler at {place} takes no `options`",
            hint="take them out of the URL and set them for the user (ALTER ROLE ... SET), or name the server itself",
        )
    return None
