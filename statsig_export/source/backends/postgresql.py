"""PostgreSQL: what differs there."""

from typing import Final

PSYCOPG_OPTIONS: Final = {"connect_timeout": "15", "application_name": "statsig-export", "client_encoding": "utf8"}


NO_ENCODING: Final = "SQL_ASCII"
