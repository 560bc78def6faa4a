"""The one resource: the configuration. It names the environment variables that hold secrets and never their values.

A variable is looked up when its value is used: the code location loads without any of them being set, what ships needs
none of the source, and what exports needs none of the webhook. The fields are written as Dagster writes a variable, so
that the UI shows the names, but are tables: a text's variable Dagster looks up itself, before a run or a tick starts.
"""

import os
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import Field, PrivateAttr

from statsig_export.config import Config, load_config
from statsig_export.ledger.lives import Life

_NONE: Final[dict[str, str]] = {}


class ExportResource(dg.ConfigurableResource[None]):
    """export.toml, read anew for every run and every tick, so that a changed filter needs no reload."""

    config_path: str
    """The file, absolute."""
    # Each of these is {"env": NAME}, or empty where export.toml names no variable for it. Another name than that of
    # export.toml stands in for it.
    source_url: dict[str, str] = _NONE
    ledger_url: dict[str, str] = _NONE
    storage_url: dict[str, str] = _NONE
    webhook_url: dict[str, str] = _NONE
    webhook_secret: dict[str, str] = _NONE
    webhook_proxy: dict[str, str] = _NONE
    webhook_ca_bundle: dict[str, str] = _NONE
    key_prefix: list[str] = Field(default=[])
    """As the code location was loaded: its jobs keep their names until it is loaded again."""
    _life: Life | None = PrivateAttr(default=None)

    def config(self) -> Config:
        """The configuration, its `env:NAME` values taken from the fields above, else from the environment.

        Raises ConfigError as `load_config` does.
        """
        named = variables(load_config(self.config_path, environ={}))
        values = {name: self._value_of(field) for field, name in named.items()}
        environ = {**os.environ, **{name: value for name, value in values.items() if value}}
        return load_config(self.config_path, environ=environ).named_in_dagster(tuple(self.key_prefix))

    def hold_life(self, run_id: str) -> bool:
        """Hold the lock of the run that uses this resource until its last step is over. False where that cannot be.
        Raises StatsigExportError.
        """
        if self._life is None:
            self._life = Life(self.config().ledger_url(), run_id)
        return self._life.held

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002  as Dagster calls it
        if self._life is not None:
            self._life.end()
            self._life = None

    def _value_of(self, field: str) -> str:
        """Empty for a variable that is not set: whatever uses its value names it then."""
        variable: dict[str, str] = getattr(self, field)
        return os.environ.get(variable.get("env", ""), "")


def variables(config: Config) -> dict[str, str]:
    """Field of ExportResource -> the environment variable that export.toml names for it, where it names one."""
    values = {
        "source_url": None if any(table.files for table in config.source.tables().values()) else config.source.url,
        "ledger_url": config.ledger.url,
        "webhook_url": config.webhook.url,
        "webhook_secret": config.webhook.auth.secret,
        "webhook_proxy": config.webhook.proxy,
        "webhook_ca_bundle": config.webhook.ca_bundle,
        "storage_url": config.storage.url,
    }
    return {field: value.removeprefix("env:") for field, value in values.items() if value and value.startswith("env:")}


def export_resource(path: Path, config: Config) -> ExportResource:
    """The resource for the configuration at `path`, each secret by the name of its variable."""
    named: dict[str, Any] = {field: {"env": name} for field, name in variables(config).items()}
    if config.dagster.key_prefix:
        named["key_prefix"] = list(config.dagster.key_prefix)
    return ExportResource(config_path=str(path), **named)
