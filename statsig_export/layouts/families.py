"""Families of database types, and which of them can hold what a layout's column holds. Pure data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from statsig_export.layouts.model import Kind


class Family(StrEnum):
    """Database types that are read alike."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    NUMERIC = "numeric"
    TEXT = "text"
    LABEL = "label"
    """UUIDs and enumerations: text once they are cast to it."""
    JSON = "json"
    NESTED = "nested"
    """VARIANT, OBJECT, MAP, STRUCT, SUPER, BigQuery's JSON: a function of the database makes JSON text of it."""
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp with time zone"
    UNTYPED = "untyped"
    OTHER = "other"


NUMBERS: Final = frozenset({Family.INTEGER, Family.FLOAT, Family.NUMERIC})
TIMESTAMPS: Final = frozenset({Family.TIMESTAMP, Family.TIMESTAMP_TZ})

ACCEPTED: Final[Mapping[Kind, frozenset[Family]]] = {
    Kind.KEY: frozenset({Family.INTEGER, Family.NUMERIC, Family.TEXT, Family.LABEL}),
    Kind.WINDOW: TIMESTAMPS | NUMBERS,
    Kind.IDENTIFIER: frozenset({Family.TEXT, Family.LABEL, Family.INTEGER}),
    Kind.TEXT: frozenset({Family.TEXT, Family.LABEL}),
    Kind.JSON: frozenset({Family.JSON, Family.NESTED, Family.TEXT}),
    Kind.BOOLEAN: frozenset({Family.BOOLEAN, Family.INTEGER}),
    Kind.VALUE: frozenset({Family.TEXT, *NUMBERS}),
    Kind.TIME: frozenset({Family.TEXT, *TIMESTAMPS, *NUMBERS}),
}
"""Kind of column -> the families of types that it can be read from, in every database."""

EXPECTED: Final[Mapping[Kind, str]] = {
    Kind.KEY: "an integer or text",
    Kind.WINDOW: "a timestamp, or an epoch time as a number",
    Kind.IDENTIFIER: "text, a UUID or an integer",
    Kind.TEXT: "text",
    Kind.JSON: "JSON, or text that holds JSON",
    Kind.BOOLEAN: "a boolean",
    Kind.VALUE: "text or a number",
    Kind.TIME: "a timestamp, or an epoch or ISO 8601 time as a number or text",
}
"""The same in words, for messages."""
