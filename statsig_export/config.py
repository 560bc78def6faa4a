"""export.toml: finding it, reading it, explaining what is wrong with it, and resolving what it names.

The variables that export.toml names as `env:NAME` are looked up here, and only when their values are used. They are
never kept in the model, so that no repr, log line or definitions snapshot of a configuration can hold a secret.
"""

import difflib
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.engine import URL

from statsig_export.connect_arguments import looked_up
from statsig_export.database_urls import placed, read_url
from statsig_export.errors import ConfigError
from statsig_export.settings import (
    CheckSettings,
    DagsterSettings,
    FilterSettings,
    LedgerSettings,
    LineageSettings,
    Settings,
    SourceSettings,
    StorageSettings,
    WebhookSettings,
    WindowSettings,
)
from statsig_export.webhook_setup import checked_ca_bundle, checked_proxy, checked_secret, checked_url

CONFIG_VARIABLE = "STATSIG_EXPORT_CONFIG"
DEFAULT_FILE = "export.toml"


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a configuration came from, handed to the model while it is validated."""

    folder: Path
    environ: Mapping[str, str]


class Config(Settings):
    """The whole of export.toml. Relative paths in it are taken from the folder that holds the file."""

    source: SourceSettings = SourceSettings()
    windows: WindowSettings = WindowSettings()
    filter: FilterSettings = FilterSettings()
    webhook: WebhookSettings = WebhookSettings()
    storage: StorageSettings = StorageSettings()
    ledger: LedgerSettings = LedgerSettings()
    checks: CheckSettings = CheckSettings()
    dagster: DagsterSettings = DagsterSettings()
    lineage: LineageSettings = LineageSettings()

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _environ: Mapping[str, str] = PrivateAttr(default_factory=lambda: os.environ)

    def model_post_init(self, context: object, /) -> None:
        if isinstance(context, _Origin):
            self._folder = context.folder
            self._environ = context.environ

    def resolve(self, value: str) -> str:
        """The text itself, or for env:NAME the variable's value.

        Raises ConfigError naming the variable when it is not set, or empty.
        """
        if not value.startswith("env:"):
            return value
        name = value.removeprefix("env:")
        text = self._environ.get(name)
        if not text:
            fault = "is not set" if text is None else "is empty"
            raise ConfigError(f"the environment variable {name} {fault}", hint=f"export.toml names it: set {name}")
        return text

    def source_url(self) -> URL:
        """The source database's URL, a SQLite path made absolute."""
        return self._database_url(self.source.url, "source.url")

    def source_arguments(self) -> dict[str, object]:
        """[source.connect] as the driver takes it: secrets looked up, files by their absolute paths."""
        return looked_up(self.source.connect, self.resolve, self._folder)

    def ledger_url(self) -> URL:
        """The ledger database's URL, a SQLite path made absolute."""
        return self._database_url(self.ledger.url, "ledger.url")

    def storage_url(self) -> str:
        """Where the partition files lie: an absolute path, or the URL as it stands."""
        url = self.resolve(self.storage.url)
        return url if "://" in url else str(placed(url, self._folder, "storage.url"))

    def webhook_url(self) -> str:
        """The webhook's URL. Raises ConfigError (without the URL) unless it is https, or http on loopback."""
        return checked_url(*self._variable(self.webhook.url))

    def webhook_secret(self) -> str | None:
        """The token or HMAC key, where the authentication has one. Raises ConfigError (without it)."""
        auth = self.webhook.auth
        if auth.secret is None:
            return None
        return checked_secret(*self._variable(auth.secret), in_a_header=auth.method == "token")

    def webhook_proxy(self) -> str | None:
        """The URL of the proxy, where there is one. Raises ConfigError (without the URL)."""
        proxy = self.webhook.proxy
        return None if proxy is None else checked_proxy(*self._variable(proxy))

    def webhook_ca_bundle(self) -> str | None:
        """The path of the CA bundle, made absolute. Raises ConfigError where it holds no certificate."""
        bundle = self.webhook.ca_bundle
        return (
            None
            if bundle is None
            else checked_ca_bundle("webhook.ca_bundle", placed(bundle, self._folder, "webhook.ca_bundle"))
        )

    def _variable(self, value: str) -> tuple[str, str]:
        """The name that `env:NAME` names, and what it holds."""
        return value.removeprefix("env:"), self.resolve(value)

    def with_filter(self, **changes: object) -> "Config":
        """The same configuration with another filter, so that `plan` can show what a change would come to.

        `changes` are keys of `[filter]` as in export.toml; whatever they do not name stays as it is, inside tables too:
        `with_filter(exposures={"gate": False}, custom_events={"events": {"page_view": False}})`.
        Raises ConfigError as for a file.
        """
        document = _merged(self.filter.model_dump(), changes)
        try:
            changed = FilterSettings.model_validate(document)
        except ValidationError as error:
            raise ConfigError(f"with_filter: {_explain_all(error, 'filter')}") from None
        return self.model_copy(update={"filter": changed})

    def fingerprint(self) -> str:
        """Names this configuration in the lineage: equal settings, equal fingerprint. Secrets are no part of it."""
        return _fingerprint(self)

    def filter_fingerprint(self) -> str:
        """Names the filter alone, so that a run shows whether it was the filter that changed."""
        return _fingerprint(self.filter)

    def _database_url(self, value: str, key: str) -> URL:
        return read_url(self.resolve(value), key, self._folder)


def load_config(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read `path`, else the file $STATSIG_EXPORT_CONFIG names, else ./export.toml.

    `environ` stands in for the process environment wherever the configuration names a variable.
    Raises ConfigError with the file, the key and the nearest known key.
    """
    environ = os.environ if environ is None else environ
    file = Path(path or environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"no configuration at {file}", hint="`statsig-export init` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {type(error).__name__}") from None
    try:
        return parse_config(tomllib.loads(text), folder=file.resolve().parent, environ=environ, name=str(file))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None


def parse_config(
    document: Mapping[str, object], *, folder: Path, environ: Mapping[str, str], name: str = DEFAULT_FILE
) -> Config:
    """A Config from a parsed document; `folder` is where its relative paths start."""
    try:
        return Config.model_validate(document, context=_Origin(folder, environ))
    except ValidationError as error:
        raise ConfigError(f"{name}: {_explain_all(error)}") from None


def _merged(before: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """`before` with the changes laid over it, table by table."""
    merged = dict(before)
    for key, change in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return merged


def _explain_all(error: ValidationError, *table: str) -> str:
    """Every problem of the file, or of this table of it."""
    return "; ".join(_explain(problem, table) for problem in error.errors(include_url=False, include_input=False))


def _explain(problem: ErrorDetails, table: tuple[str, ...]) -> str:
    path = [*table, *(str(part) for part in problem["loc"])]
    key = ".".join(path)
    if problem["type"] != "extra_forbidden":
        return f"{key or 'the file'}: {problem['msg'].removeprefix('Value error, ')}"
    near = difflib.get_close_matches(path[-1], _known_keys(Config, path[:-1]), n=1)
    return f"unknown key {key}" + (f" (did you mean {near[0]}?)" if near else "")


def _known_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys of the table at `path`, as the file spells them."""
    for part in path:
        inner = model.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return [field.alias or key for key, field in model.model_fields.items()]


def _fingerprint(settings: Settings) -> str:
    text = json.dumps(settings.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
