"""The one resource: the configuration. It names the environment variables that hold secrets and never their values.

Dagster resolves an EnvVar when a run or a tick starts, so the code location loads without any of them being set, and
the UI shows their names.
"""

import os
from pathlib import Path

import dagster as dg

from statsig_export.config import Config, load_config


class ExportResource(dg.ConfigurableResource[None]):
    """export.toml, read anew for every run and every tick, so that a changed filter needs no reload."""

    config_path: str
    """The file, absolute."""
    source_url: str = ""
    ledger_url: str = ""
    webhook_url: str = ""
    webhook_secret: str = ""
    webhook_proxy: str = ""
    webhook_ca_bundle: str = ""
    storage_url: str = ""

    def config(self) -> Config:
        """The configuration, its `env:NAME` values taken from the fields above, else from the environment.

        Raises ConfigError as `load_config` does.
        """
        named = variables(load_config(self.config_path, environ={}))
        values = {name: getattr(self, field) for field, name in named.items()}
        environ = {**os.environ, **{name: value for name, value in values.items() if value}}
        return load_config(self.config_path, environ=environ)


def variables(config: Config) -> dict[str, str]:
    """Field of ExportResource -> the environment variable that export.toml names for it, where it names one."""
    values = {
        "source_url": config.source.url,
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
    named = {field: dg.EnvVar(name) for field, name in variables(config).items()}
    return ExportResource(config_path=str(path), **named)
