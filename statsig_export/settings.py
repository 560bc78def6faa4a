"""What export.toml may say: frozen models, one per table of the file, each key documented where it is declared.

Secrets are never values here: a key that holds one takes `env:NAME`, and `config.Config` looks the variable up when the
secret is used.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from statsig_export.account import Account
from statsig_export.connect_arguments import ConnectArgument, checked_arguments
from statsig_export.moments import utc
from statsig_export.places import checked_place, checked_variable, means_a_variable
from statsig_export.url_secrets import secret_in
from statsig_export.vocabulary import Category

_DURATION = re.compile(r"([0-9]{1,15})\s*(ms|s|m|h|d)")
_OUR_HEADERS = frozenset(
    (
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-range"),
        *("content-type", "date", "expect", "host", "http2-settings", "keep-alive", "proxy-authenticate"),
        *("proxy-authorization", "proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade"),
        *("user-agent", "via", "webhook-id", "webhook-timestamp", "webhook-attempt"),
    )
)
_FIRST_YEAR = 2000
MOST_SHARDS = 64
_UNIT = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def _duration(text: object) -> timedelta:
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a duration is a number and a unit: "500ms", "30s", "5m", "2h", "3d"')
    try:
        return timedelta(milliseconds=int(match[1]) * _UNIT[match[2]])
    except OverflowError:
        raise ValueError("a duration of millions of years") from None


def _between(shortest: str, longest: str) -> AfterValidator:
    """Allows the durations from one to the other."""

    def check(duration: timedelta) -> timedelta:
        if not _duration(shortest) <= duration <= _duration(longest):
            raise ValueError(f'expected a duration from "{shortest}" to "{longest}"')
        return duration

    return AfterValidator(check)


def _whole_or_per_type(switch: object) -> object:
    return dict.fromkeys(("gate", "experiment", "config", "layer"), switch) if isinstance(switch, bool) else switch


def _secret(text: str) -> str:
    if not means_a_variable(text):
        raise ValueError("this holds a secret: name the environment variable that has it, as in env:NAME")
    return checked_variable(text)


def _place(text: str) -> str:
    """As it is written: what it comes to is for `config` to say, and no part of the fingerprint."""
    (checked_variable if means_a_variable(text) else checked_place)(text)
    return text


def _database_url(text: str) -> str:
    if means_a_variable(text):
        return checked_variable(text)
    try:
        make_url(text)
    except (ArgumentError, ValueError):  # the latter for a port that is no number: it may be part of a password
        raise ValueError("this is not an SQLAlchemy URL such as sqlite:///events.db or env:NAME") from None
    return _written_url(text)


def _written_url(text: str) -> str:
    """A URL or path as it is written in the file: no secret, which `repr` and the definitions in Dagster would show."""
    if means_a_variable(text):
        return checked_variable(text)
    where = secret_in(text)
    if where is not None:
        raise ValueError(f"a URL with {where} is a secret: put it in the environment and write env:NAME")
    return text


def _header_name(name: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError("this is no name of an HTTP header: letters, digits and hyphens, without a colon")
    if name.lower().replace("_", "-") in _OUR_HEADERS:  # to CGI and WSGI the two are one
        raise ValueError("this header is set by every request for something else: name another")
    return name


Duration = Annotated[timedelta, BeforeValidator(_duration)]
UtcTime = Annotated[datetime, AfterValidator(utc)]
SecretName = Annotated[str, AfterValidator(_secret)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Place = Annotated[str, AfterValidator(_place)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
TimestampForm = Literal["number", "text"]
FilesUrl = Annotated[str, AfterValidator(_written_url)]
StorageUrl = Annotated[str, AfterValidator(_written_url), AfterValidator(_place)]
LayoutName = Literal["native", "sdk_log", "statsig_events", "cloud_exports", "warehouse_native"]


class Settings(BaseModel):
    """The base of every table: frozen, and an unknown key is an error.

    Input never shows in a validation error, since it may be a secret in the wrong place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TableSettings(Settings):
    """Where one of the layout's tables differs from what the layout expects. All keys are optional."""

    table: str | None = None
    """The table's name, or schema and name as in "analytics.events"; "" where there is no such table, and nothing is
    read of it."""
    schema_: str | None = Field(default=None, alias="schema")
    """The database schema that holds it."""
    files: FilesUrl | None = None
    """Files that are the table, where no database has it: a path (relative to the configuration file) or a URL that
    fsspec knows (s3://, gs://, ...). Parquet files, with or without wildcards, or a folder of them; or the folder of a
    Delta or an Iceberg table. Or env:NAME."""
    window_column: str | None = None
    """The time column by which rows fall into windows."""
    columns: dict[str, str] = {}
    """Canonical column name -> the name in this database; "" where the table has no such column."""
    custom_ids: dict[str, str] = {}
    """Custom ID -> its column, for tables that Statsig lays out with one column an ID."""
    values: dict[str, dict[str, str | bool]] = {}
    """Canonical column name -> a value as it stands in this database -> what it means, for columns of text and
    booleans: `{ exposure_type = { dyn = "config" }, gate_value = { pass = true } }`. Ids do not change by it."""
    identity: str | None = Field(default=None, min_length=1)
    """What the ids that are derived for its rows are made with, beside the key or the content: the table's name, unless
    this says otherwise. A table that is renamed keeps the old name here, and every row its id. With a "/" it stands for
    the source's name as well: "eu/exposures", "/exposures" (layouts/identity_names.py)."""
    renamed: dict[str, str] = {}
    """A column's name -> the name it had when the ledger came to know it: the same column, renamed since."""
    repeats: Literal["events", "duplicates"] | None = None
    """For tables without a key. "events" (the default): rows of equal content are as many events. "duplicates": they
    are one event that was written repeatedly, as Warehouse Native's daily digest does; the others are filtered."""


class SourceSettings(Settings):
    """`[source]`: the database that accumulates the events."""

    url: DatabaseUrl = "env:STATSIG_DATABASE_URL"
    """Any SQLAlchemy URL, or env:NAME."""
    layout: LayoutName = "native"
    """How its tables are laid out."""
    reader: Literal["fastest", "plain"] = "fastest"
    """PostgreSQL is read through ADBC where it is installed (statsig-export[fast]); "plain": by the URL's driver."""
    connect: Annotated[dict[str, ConnectArgument], AfterValidator(checked_arguments)] = {}
    """Arguments of the driver's own connect() beside the URL, secrets as env:NAME (docs/databases.md, Signing in)."""
    name: str = ""
    """Tells two databases with equal table names apart, where both feed one endpoint and give no timeUUIDs. To one
    ledger each of them is a destination of its own: give each its own `webhook.name`."""
    exposures: TableSettings = TableSettings()
    custom_events: TableSettings = TableSettings()
    sdk_events: TableSettings = TableSettings()
    """The one table of the layout `sdk_log`."""
    statsig_events: TableSettings = TableSettings()
    """The one table of the layout `statsig_events`."""
    unit_types: dict[str, str] = {}
    """Gate, config or layer name -> its ID type, for layouts that do not tell."""
    exposure_types: dict[str, Literal["gate", "config", "experiment", "layer"]] = {}
    """Name -> what it is, for exposures that do not tell: all of `warehouse_native`, and experiments that an SDK has
    logged as configs (`sdk_log`, `statsig_events`)."""

    @model_validator(mode="after")
    def _files_or_a_database(self) -> "SourceSettings":
        if "url" in self.model_fields_set and any(table.files for table in self.tables().values()):
            raise ValueError("tables are files or are in a database: remove url, or the lines that say files")
        return self

    def tables(self) -> dict[str, TableSettings]:
        """What is said about each table, by its name under [source]."""
        named = ("exposures", "custom_events", "sdk_events", "statsig_events")
        return {name: getattr(self, name) for name in named}


class WindowSettings(Settings):
    """`[windows]`: how the time axis is cut. Windows are half-open and in UTC."""

    every: Literal["day", "hour"] = "day"
    start: UtcTime = datetime(2026, 11, 1, tzinfo=UTC)
    """The first window starts here."""
    settle: Annotated[Duration, _between("0s", "366d")] = timedelta(minutes=5)
    """How long after its end a window is taken to be complete."""
    lookback: Annotated[Duration, _between("0s", "3660d")] = timedelta(days=3)
    """How far back late rows are looked for, from the end of the last closed window; "0s": they are not."""
    shards: Annotated[int, Field(ge=1, le=MOST_SHARDS)] = 1
    """Into how many parts a window is split by a hash of its rows' ids (events/shards.py). Each is read, written and
    shipped by itself; the account is the window's. May change at any time: what was exported stays as it is."""

    @model_validator(mode="after")
    def _start_is_a_boundary(self) -> "WindowSettings":
        start = self.start
        if start.year < _FIRST_YEAR:
            raise ValueError(
                f"windows.start must be in {_FIRST_YEAR} or later: every {self.every} since is a partition"
            )
        ragged = start.minute or start.second or start.microsecond or (self.every == "day" and start.hour)
        if ragged:
            raise ValueError(f"windows.start must be the beginning of a UTC {self.every}")
        return self


class ExposureFilter(Settings):
    """`[filter] exposures = {...}`: the dialog's detailed options per exposure type."""

    gate: bool = True
    experiment: bool = True
    config: bool = True
    layer: bool = True


class CustomEventFilter(Settings):
    """`[filter.custom_events]`: the dialog's list of custom events."""

    include_new_by_default: bool = True
    """Whether an event that `events` does not name is forwarded. SDK telemetry must be named to be forwarded."""
    events: dict[str, bool] = {}
    """Event name -> forwarded or not."""


class FilterSettings(Settings):
    """`[filter]`: Statsig's Event Filtering dialog."""

    exposures: Annotated[ExposureFilter, BeforeValidator(_whole_or_per_type)] = ExposureFilter()
    """true or false for all exposures, or a table with one switch a type."""
    configuration_changes: bool = True
    custom_events: CustomEventFilter = CustomEventFilter()

    def exposure_switches(self) -> dict[Category, bool]:
        """One switch an exposure category."""
        by_type = self.exposures
        return {
            Category.GATE_EXPOSURE: by_type.gate,
            Category.CONFIG_EXPOSURE: by_type.config,
            Category.EXPERIMENT_EXPOSURE: by_type.experiment,
            Category.LAYER_EXPOSURE: by_type.layer,
        }

    def enabled_categories(self) -> tuple[Category, ...]:
        """The categories that can forward anything: what schedules and shipments are made for."""
        switches = self.exposure_switches()
        switches[Category.CONFIG_CHANGE] = self.configuration_changes
        custom = self.custom_events
        switches[Category.CUSTOM_EVENT] = custom.include_new_by_default or any(custom.events.values())
        return tuple(category for category in Category if switches[category])


class AuthSettings(Settings):
    """`[webhook] auth`: how a request proves where it comes from. Fivetran knows these three methods."""

    method: Literal["none", "token", "hmac"] = "none"
    secret: SecretName | None = None
    """env:NAME of the token or the HMAC key."""
    header: HeaderName | None = None
    """The header that carries it: required for a token; X-Fivetran-Hmac-Sign for HMAC unless said otherwise."""
    algorithm: Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["base64", "hex"] = "base64"

    @model_validator(mode="after")
    def _method_has_what_it_needs(self) -> "AuthSettings":
        if self.method != "none" and self.secret is None:
            raise ValueError(f'auth method "{self.method}" needs a secret: secret = "env:NAME"')
        if self.method == "token" and not self.header:
            raise ValueError('auth method "token" needs the header that Fivetran was told to look in: header = "..."')
        return self


class WebhookSettings(Settings):
    """`[webhook]`: the destination."""

    name: str = Field(default="fivetran", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """The destination's identity in the ledger: the URL may rotate, the name stays."""
    url: SecretName = "env:FIVETRAN_WEBHOOK_URL"
    """env:NAME of the URL: https, or http on loopback. Without authentication the URL is the only secret."""
    auth: AuthSettings = AuthSettings()
    max_events: int = Field(default=1_000, ge=1, strict=True)
    """Maximum events per request."""
    max_bytes: int = Field(default=1_000_000, ge=1_000, le=100_000_000, strict=True)
    """At most so many bytes of UTF-8 a request body, before compression, brackets and commas included."""
    timeout: Annotated[Duration, _between("100ms", "1h")] = timedelta(seconds=30)
    """For the whole request, from connecting to the answer's last byte: 100 ms to an hour."""
    concurrency: int = Field(default=4, ge=1, le=64, strict=True)
    """Requests in flight at once in one run."""
    compression: Literal["none", "gzip"] = "none"
    timestamps: TimestampForm = "number"
    """How an event spells its `timestamp`: 1793534400000 or "1793534400000"; frozen when it is exported."""
    ca_bundle: Place | None = None
    """A PEM file (relative to the configuration file), or env:NAME, of certificate authorities to trust instead of the
    usual ones."""
    proxy: SecretName | None = None
    """env:NAME of the URL of an HTTP proxy, http://host:port. The environment's own proxy variables are not used."""


class StorageSettings(Settings):
    """`[storage]`: where the partition files lie."""

    url: StorageUrl = "./.statsig_export/events"
    """A path (relative to the configuration file), any fsspec URL (s3://, gs://, ...), or env:NAME: docs/storage.md."""


class LedgerSettings(Settings):
    """`[ledger]`: the record of what was planned, sent and answered."""

    url: DatabaseUrl = "sqlite:///.statsig_export/ledger.db"
    """sqlite:/// (a path relative to the configuration file) or postgresql+psycopg://, or env:NAME. It may name a
    pooler in transaction or session mode."""


class CheckSettings(Settings):
    """`[checks]`: when the exit codes, the verb `check`, the asset checks in Dagster and the alerts speak up."""

    max_failed_share: float = Field(default=0.01, ge=0, le=1)
    """The share of the events asked for that may fail, as rows at the export and in delivery together: more than that
    is exit code 1 of `run`, `ship`, `status` and `plan`, a warning of `check`, and the asset check `few_rows_fail`."""
    overdue_after: Duration = timedelta(hours=1)
    """How long a batch may be due without having been sent; for `check` also how long events may be pending, and how
    long a window may be closed without having been exported."""
    max_windows_behind: int | None = Field(default=None, ge=1, strict=True)
    """From how many closed windows on that are newer than any exported one `check` and the alerts call it critical
    that windows are not exported; left out, it is a warning however many they are."""
    max_late_share: float = Field(default=0.01, ge=0, le=1)
    """The share of the events exported in a day that may have come after their window was exported: more than that is
    a warning of `check`, and an alert."""

    def tolerates(self, account: Account) -> bool:
        """Whether the share of failed events is within the limit: the rule of all exit codes and checks."""
        return account.failed_share <= self.max_failed_share
