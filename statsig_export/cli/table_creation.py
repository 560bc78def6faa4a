"""`init --tables`: the tables of a layout, made in the source database."""

from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from statsig_export.cli import output
from statsig_export.config import load_config
from statsig_export.errors import ConfigError
from statsig_export.layouts.native_tables import create_tables
from statsig_export.layouts.placement import source_tables
from statsig_export.source.errors import SourceErrors


def create_source_tables(path: Path) -> None:
    """Make the tables of the layout that the export.toml at `path` names, where they are not there yet.

    Raises ConfigError for files and for a database through which none can be made, SourceError where it refuses.
    """
    config = load_config(path)
    if config.source_files():
        raise ConfigError("files cannot be created as tables", hint="whoever writes the files creates them")
    url, arguments = config.source_url(), config.source_arguments()
    try:
        engine = create_engine(url, connect_args=arguments, hide_parameters=True)
    except (ImportError, SQLAlchemyError):
        raise ConfigError(
            f"tables cannot be created through {url.drivername}",
            hint="--tables is for SQLite, PostgreSQL and MySQL; elsewhere create them by hand, as docs/sources.md says",
        ) from None
    try:
        create_tables(engine, config.source.layout, source_tables(config.source))
    except SQLAlchemyError as error:
        raise SourceErrors(url, arguments).unmade(error) from None
    finally:
        engine.dispose()
    output.note(f"The tables of the layout {config.source.layout} exist.")
