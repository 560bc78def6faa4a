"""Opens the reader for a source database: the fastest that is installed."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from stat import S_ISREG

from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from statsig_export.database_urls import file_of, refuse_asynchronous
from statsig_export.databases.cause import system_cause
from statsig_export.errors import ConfigError, SourceError
from statsig_export.source.backends.backend import Arguments, Backend, Reader
from statsig_export.source.backends.duckdb import DUCKDB
from statsig_export.source.backends.known import BACKENDS, backend_of
from statsig_export.source.errors import SOURCE, Named, SourceErrors
from statsig_export.source.files import SourceFiles
from statsig_export.source.readers.cursor import SqlDatabase
from statsig_export.source.readers.reader import Database


def open_reader(
    url: URL, arguments: Arguments | None = None, *, plain: bool = False, named: Named = SOURCE
) -> Database:
    """Connects only when it is used, but a database that is one file must exist now.

    The fastest reader that is installed, or with `plain` the driver that the URL names. `arguments` are the driver's
    own, beside the URL. Raises ConfigError for an asynchronous driver or an argument that the URL or the dialect may
    not have, SourceError for a missing file or a driver that is not installed.
    """
    backend, arguments = backend_of(url.get_backend_name()), arguments or {}
    refuse_asynchronous(url, named.url)
    if backend.file_format is not None:
        _require_file(url, backend.file_format, named)
    try:
        return _reader(url, backend, arguments, named, plain=plain)
    except (ImportError, NoSuchModuleError) as error:
        raise _no_driver(url, backend, error) from None
    except (ArgumentError, TypeError, ValueError, OSError) as error:  # a dialect names parts of the URL: no text of it
        given = ", ".join(sorted({*url.query, *arguments}))
        raise ConfigError(
            f"{named.url}, or [{named.table}.connect]: one of these is refused by {url.drivername}: "
            f"{given or 'the URL'} ({type(error).__name__})",
            hint=f"what a driver does not take in its URL belongs in [{named.table}.connect], secrets as env:NAME "
            "(docs/databases.md, Signing in)",
        ) from None
    except backend.other_errors() as error:  # some dialects look for credentials at once
        raise SourceErrors(url, arguments, named).unreachable(error) from None


def open_files(files: Mapping[str, SourceFiles], arguments: Arguments | None = None) -> Database:
    """The reader of tables that are files, by the tables' names. Raises SourceError where DuckDB is not installed."""
    try:
        from statsig_export.source.readers.files import DuckDbFiles  # noqa: PLC0415 - only where it is installed
    except ImportError as error:
        raise _no_driver(URL.create(DUCKDB.name), DUCKDB, error) from None
    return DuckDbFiles(files, arguments or {})


def _reader(url: URL, backend: Backend, arguments: Arguments, named: Named, *, plain: bool) -> Database:
    if backend.reader is Reader.DUCKDB:
        from statsig_export.source.readers.duckdb import DuckDbDatabase  # noqa: PLC0415 - only where it is installed

        return DuckDbDatabase(url, arguments, named)
    if backend.reader is Reader.CLICKHOUSE:
        from statsig_export.source.readers.clickhouse import ClickHouseDatabase  # noqa: PLC0415 - likewise

        return ClickHouseDatabase(url, arguments, named)
    if backend.reader is Reader.DATABRICKS:
        from statsig_export.source.readers.databricks import DatabricksDatabase  # noqa: PLC0415 - only where it is used

        return DatabricksDatabase(url, backend, arguments, named)
    database = SqlDatabase(url, backend, arguments, named)
    adbc = backend.reader is Reader.ADBC and database.dialect.driver == "psycopg"
    if plain or not adbc or find_spec("adbc_driver_postgresql") is None:
        return database
    from statsig_export.source.readers.adbc import AdbcDatabase  # noqa: PLC0415 - only where it is installed

    return AdbcDatabase(url, database, arguments)


def _no_driver(url: URL, backend: Backend, error: Exception) -> SourceError:
    driver = url.drivername.partition("+")[2]
    near = get_close_matches(url.get_backend_name(), [known.name for known in BACKENDS], n=1, cutoff=0.85)
    nearest = get_close_matches(driver, backend.drivers, n=1, cutoff=0.85)
    if backend.extra and (not driver or driver in backend.drivers):
        hint = f"install it with `pip install 'statsig-export[{backend.extra}]'`"
    elif backend.extra and nearest:
        hint = f"did you mean {backend.name}+{nearest[0]}://?"
    elif backend.extra:
        hint = (
            f"install the package of {driver}, or write {backend.name}:// and install statsig-export[{backend.extra}]"
        )
    elif driver and near == [backend.name]:
        hint = f"install the package of {driver}: {backend.name} has no extra that brings it"
    elif near:
        hint = f"did you mean {near[0]}://? Else install the package that brings SQLAlchemy this dialect"
    else:
        hint = "install the package that brings SQLAlchemy this dialect"
    return SourceError(f"no driver for {url.drivername} can be loaded: {type(error).__name__}", hint=hint)


def _require_file(url: URL, file_format: str, named: Named) -> None:
    """SQLite would make an empty database of a mistyped path."""
    path = file_of(url)
    if path is None:
        return
    try:
        is_there = S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        is_there = False
    except OSError as error:  # a folder that this user may not enter, a name that no file can have
        raise SourceError(
            f"the {file_format} database at {path} cannot be looked at ({system_cause(error)})",
            hint=f"{named.url} names that file: let this user enter its folder, and read it",
        ) from None
    if not is_there:
        raise SourceError(f"there is no {file_format} database at {path}", hint=f"{named.url} names that file")
