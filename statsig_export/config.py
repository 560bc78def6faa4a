"""export.toml: finding it, reading it, and resolving what it names.

The variables that export.toml names as `env:NAME` are looked up here, and only when their values are used. They are
never kept in the model, so that no repr, log line or definitions snapshot of a configuration can hold a secret.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr, ValidationError
from sqlalchemy.engine import URL

from statsig_export.alert_settings import AlertSettings
from statsig_export.arrivals_settings import ArrivalsSettings
from statsig_export.config_file import DEFAULT_FILE, config_path, read_document
from statsig_export.config_problems import explained
from statsig_export.connect_arguments import looked_up
from statsig_export.dagster_settings import DagsterSettings
from statsig_export.database_urls import read_url
from statsig_export.errors import ConfigError
from statsig_export.export_settings import ExportSettings
from statsig_export.fingerprints import fingerprint_of
from statsig_export.observing_settings import LineageSettings, MetricSettings, TraceSettings
from statsig_export.places import checked_file, checked_place, checked_variable, left_beside, means_a_variable
from statsig_export.privacy.hashing import SHORTEST_KEY
from statsig_export.privacy.rule import Rule
from statsig_export.privacy_settings import PrivacySettings
from statsig_export.settings import (
    CheckSettings,
    FilterSettings,
    LedgerSettings,
    Settings,
    SourceSettings,
    StorageSettings,
    WebhookSettings,
    WindowSettings,
)
from statsig_export.url_secrets import secret_in
from statsig_export.webhook_setup import checked_ca_bundle, checked_proxy, checked_secret, checked_url


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a configuration came from, handed to the model while it is validated."""

    folder: Path
    environ: Mapping[str, str]
    linked: Path | None = None
    """The folder of the file to which export.toml is a symbolic link, where that is another folder."""


class Config(Settings):
    """The whole of export.toml. Relative paths in it are taken from the folder that holds the file, as it was named: a
    symbolic link counts where it lies, so that what it links to can be replaced (Kubernetes does so at each update).
    """

    source: SourceSettings = SourceSettings()
    windows: WindowSettings = WindowSettings()
    export: ExportSettings = ExportSettings()
    filter: FilterSettings = FilterSettings()
    webhook: WebhookSettings = WebhookSettings()
    storage: StorageSettings = StorageSettings()
    ledger: LedgerSettings = LedgerSettings()
    checks: CheckSettings = CheckSettings()
    dagster: DagsterSettings = DagsterSettings()
    lineage: LineageSettings = LineageSettings()
    arrivals: ArrivalsSettings | None = None
    privacy: PrivacySettings = PrivacySettings()
    alerts: AlertSettings | None = None
    metrics: MetricSettings = MetricSettings()
    traces: TraceSettings = TraceSettings()

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _environ: Mapping[str, str] = PrivateAttr(default_factory=lambda: os.environ)
    _linked: Path | None = PrivateAttr(default=None)

    def model_post_init(self, context: object, /) -> None:
        if isinstance(context, _Origin):
            self._folder = context.folder
            self._environ = context.environ
            self._linked = context.linked

    def __getstate__(self) -> dict[Any, Any]:
        """To be pickled: without the environment, which holds secrets that are none of ours as well."""
        state = super().__getstate__()
        private = {name: value for name, value in (state["__pydantic_private__"] or {}).items() if name != "_environ"}
        return {**state, "__pydantic_private__": private}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Loaded in a process, a configuration looks its variables up in the environment of that process."""
        super().__setstate__(state)
        self._environ = os.environ

    def own_environ(self) -> Mapping[str, str]:
        """What stands in for the environment of this process, for another one that loads the configuration."""
        return {} if self._environ is os.environ else dict(self._environ)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """The same as a copy: all of it is frozen, and the environment is one."""
        return self.__copy__()

    def named_in_dagster(self, key_prefix: tuple[str, ...]) -> Self:
        """The same with another `[dagster] key_prefix`."""
        return self.model_copy(update={"dagster": self.dagster.model_copy(update={"key_prefix": key_prefix})})

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

    def source_files(self) -> dict[str, str]:
        """The files of each table that is files, by the table's name under [source]: an absolute path, or the URL."""
        given = {name: table.files for name, table in self.source.tables().items() if table.files}
        return {name: self.files_place(f"source.{name}.files", files) for name, files in given.items()}

    def files_place(self, key: str, files: str) -> str:
        """What a value of `files` names: an absolute path, or the URL as it stands."""
        url = self.resolve(files)
        return url if "://" in url else str(self._placed(key, files))

    def source_url(self) -> URL:
        """The source database's URL, a SQLite path made absolute."""
        return self._database_url(self.source.url, "source.url")

    def source_arguments(self) -> dict[str, object]:
        """[source.connect] as the driver takes it: secrets looked up, files by their absolute paths."""
        return looked_up(self.source.connect, self.resolve, self._folder)

    def arrivals_settings(self) -> ArrivalsSettings:
        """[arrivals], which has no default. Raises ConfigError where export.toml has none."""
        if self.arrivals is None:
            raise ConfigError(
                "export.toml has no [arrivals]", hint="name the table that Fivetran writes: docs/how-to/arrivals.md"
            )
        return self.arrivals

    def arrivals_url(self) -> URL:
        """The URL of the database that Fivetran writes to, a SQLite path made absolute."""
        return self._database_url(self.arrivals_settings().url, "arrivals.url")

    def arrivals_arguments(self) -> dict[str, object]:
        """[arrivals.connect] as the driver takes it."""
        return looked_up(self.arrivals_settings().connect, self.resolve, self._folder)

    def fivetran_api_keys(self) -> tuple[str, str]:
        """Key and secret of Fivetran's REST API. Raises ConfigError (without them)."""
        settings = self.arrivals_settings()
        key, secret = map(self._variable, (settings.api_key, settings.api_secret))
        return checked_secret(*key, in_a_header=True), checked_secret(*secret, in_a_header=True)

    def ledger_url(self) -> URL:
        """The ledger database's URL, a SQLite path made absolute."""
        return self._database_url(self.ledger.url, "ledger.url")

    def storage_url(self) -> str:
        """Where the partition files lie: an absolute path, or the URL as it stands."""
        url = self.resolve(self.storage.url)
        if "://" in url:
            return self._checked("storage.url", self.storage.url, checked_place)
        return str(self._placed("storage.url", self.storage.url))

    def place_of(self, what: str, text: str) -> str:
        """A folder or bucket that the command line names as `what`: an absolute path, or the URL as it stands, or what
        `env:NAME` names. Raises ConfigError, also for a URL that is written out with a secret; never shows it.
        """
        if not means_a_variable(text) and (where := secret_in(text)) is not None:
            raise ConfigError(
                f"{what} holds {where}, which the list of processes shows", hint="put it into a variable: env:NAME"
            )
        try:
            variable = checked_variable(text) if means_a_variable(text) else text
        except ValueError as error:
            raise ConfigError(f"{what}: {error}") from None
        place = self._checked(what, variable, checked_place)
        return place if "://" in place else str(Path(place).absolute())

    def webhook_url(self) -> str:
        """The webhook's URL. Raises ConfigError (without the URL) unless it is https, or http on loopback."""
        return checked_url(*self._variable(self.webhook.url), no_credentials="use [webhook] auth instead")

    def webhook_secret(self) -> str | None:
        """The token or HMAC key, where the authentication has one. Raises ConfigError (without it)."""
        auth = self.webhook.auth
        if auth.secret is None:
            return None
        return checked_secret(*self._variable(auth.secret), in_a_header=auth.method == "token")

    def privacy_rule(self) -> Rule | None:
        """[privacy] with its key, None where it says nothing. Raises ConfigError (without the key)."""
        privacy = self.privacy
        if not privacy.acts:
            return None
        key = None if privacy.hash_key is None else self._hash_key(privacy.hash_key)
        return Rule(privacy.paths(), key, limits_user=privacy.limits_user)

    def _hash_key(self, value: str) -> bytes:
        variable, text = self._variable(value)
        key = checked_secret(variable, text, in_a_header=False).encode("utf-8", "surrogateescape")
        if len(key) < SHORTEST_KEY:
            raise ConfigError(
                f"{variable} holds a key of fewer than {SHORTEST_KEY} bytes, which could be guessed",
                hint="make one: openssl rand -hex 32",
            )
        return key

    def webhook_proxy(self) -> str | None:
        """The URL of the proxy, where there is one. Raises ConfigError (without the URL)."""
        proxy = self.webhook.proxy
        return None if proxy is None else checked_proxy(*self._variable(proxy))

    def webhook_ca_bundle(self) -> str | None:
        """The path of the CA bundle, made absolute. Raises ConfigError where it holds no certificate."""
        return self.ca_bundle_of("webhook.ca_bundle", self.webhook.ca_bundle)

    def alert_settings(self) -> AlertSettings:
        """[alerts]. Raises ConfigError where export.toml has none."""
        if self.alerts is None:
            raise ConfigError("export.toml has no [alerts]", hint="say who is told: docs/how-to/alerts.md")
        return self.alerts

    def ca_bundle_of(self, key: str, bundle: str | None) -> str | None:
        """The path of a CA bundle, made absolute. Raises ConfigError where it holds no certificate."""
        return None if bundle is None else checked_ca_bundle(key, self._placed(key, bundle))

    def file_of(self, key: str, value: str) -> Path:
        """The absolute path of a file that a value names. Raises ConfigError."""
        return self._placed(key, value)

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
            raise ConfigError(f"with_filter: {explained(error, Config, 'filter')}") from None
        return self.model_copy(update={"filter": changed})

    def fingerprint(self) -> str:
        """Names this configuration in the lineage: equal settings, equal fingerprint. Secrets are no part of it, nor is
        what changes no event (what watches, [export], or `windows.shards`), nor a [privacy] that says nothing.
        """
        watching = {"arrivals": True, "alerts": True, "metrics": True, "traces": True, "export": True}
        unsaid = {} if self.privacy.acts else {"privacy": True}
        checks = {"max_windows_behind", "max_late_share"}
        return fingerprint_of(self, {**watching, **unsaid, "checks": checks, "windows": {"shards"}})

    def filter_fingerprint(self) -> str:
        """Names the filter alone, so that a run shows whether it was the filter that changed."""
        return fingerprint_of(self.filter)

    def privacy_fingerprint(self) -> str | None:
        """Names [privacy] alone, likewise; None where it says nothing. The key is no part of it."""
        return fingerprint_of(self.privacy) if self.privacy.acts else None

    def _database_url(self, value: str, key: str) -> URL:
        return read_url(self.resolve(value), key, partial(self._placed, key))

    def _placed(self, key: str, value: str) -> Path:
        """The absolute path of a file or folder that a value names. What an earlier version began in a folder that is
        itself called `~` is found again. Raises ConfigError.
        """
        path = self.resolve(value)
        literal = self._folder / path
        if path.startswith("~") and os.path.exists(literal):  # noqa: PTH110  Path's raises where a name is too long
            return literal
        return Path(self._beside(key, self._checked(key, value, checked_file)))

    def _checked(self, key: str, value: str, check: Callable[[str], str]) -> str:
        """What the value names, checked. Raises ConfigError, which says where it comes from but not what it is."""
        try:
            return check(self.resolve(value))
        except ValueError as error:
            source = f" (the variable {value.removeprefix('env:')})" if value.startswith("env:") else ""
            raise ConfigError(f"{key}{source}: {error}") from None

    def _beside(self, key: str, path: str) -> str:
        """A path, made absolute. Raises ConfigError where it was begun beside the file that export.toml links to, as
        earlier versions did: a ledger that began anew would send everything again.
        """
        named = self._folder / path
        linked = None if self._linked is None else self._linked / path
        if linked is not None and left_beside(named, linked):
            raise ConfigError(
                f"{key}: export.toml is a symbolic link; {named} is not there, and {linked} is, beside the file that it"
                " links to",
                hint="an earlier version kept it there: move it (with the storage), or write its whole path; to begin"
                " anew, make an empty file or folder at the former",
            )
        return str(named)


def load_config(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read `path`, else the file $STATSIG_EXPORT_CONFIG names, else ./export.toml.

    `environ` stands in for the process environment wherever the configuration names a variable.
    Raises ConfigError with the file, the key and the nearest known key.
    """
    environ = os.environ if environ is None else environ
    file = config_path(path, environ)
    document = read_document(file)
    linked = file.resolve().parent
    origin = _Origin(file.parent, environ, None if linked == file.parent.resolve() else linked)
    return _parsed(document, origin, str(file))


def parse_config(
    document: Mapping[str, object], *, folder: Path, environ: Mapping[str, str], name: str = DEFAULT_FILE
) -> Config:
    """A Config from a parsed document; `folder` is where its relative paths start."""
    return _parsed(document, _Origin(folder, environ), name)


def _parsed(document: Mapping[str, object], origin: _Origin, name: str) -> Config:
    try:
        return Config.model_validate(document, context=origin)
    except ValidationError as error:
        raise ConfigError(f"{name}: {explained(error, Config)}") from None


def _merged(before: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """`before` with the changes laid over it, table by table."""
    merged = dict(before)
    for key, change in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return merged
