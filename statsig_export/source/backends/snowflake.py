"""Snowflake: what differs there."""

from datetime import datetime

from sqlalchemy.types import UserDefinedType


class _TimestampNtz(UserDefinedType[datetime]):
    """Snowflake's timestamp without a zone."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "TIMESTAMP_NTZ"
