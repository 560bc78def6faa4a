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
    BITS = "bits"
    DATE = "date"
    """A day, taken to be its midnight in UTC."""
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp with time zone"
    UNTYPED = "untyped"
    OTHER = "other"


NUMBERS: Final = frozenset({Family.INTEGER, Family.FLOAT, Family.NUMERIC})
TIMESTAMPS: Final = frozenset({Family.TIMESTAMP, Family.TIMESTAMP_TZ})

ACCEPTED: Final[Mapping[Kind, frozenset[Family]]] = {
    Kind.KEY: frozenset({Family.INTEGER, Family.NUMERIC, Family.TEXT, Family.LABEL}),
    Kind.WINDOW: TIMESTAMPS | NUMBERS | {Family.DATE},
    Kind.IDENTIFIER: frozenset({Family.TEXT, Family.LABEL, Family.INTEGER, Family.NUMERIC}),
    Kind.TEXT: frozenset({Family.TEXT, Family.LABEL}),
    Kind.JSON: frozenset({Family.JSON, Family.NESTED, Family.TEXT}),
    Kind.BOOLEAN: frozenset({Family.BOOLEAN, Family.INTEGER, Family.NUMERIC, Family.TEXT, Family.LABEL, Family.BITS}),
    Kind.VALUE: frozenset({Family.TEXT, *NUMBERS}),
    Kind.TIME: frozenset({Family.TEXT, Family.DATE, *TIMESTAMPS, *NUMBERS}),
}
"""Kind of column -> the families of types that it can be read from, in every database."""

EXPECTED: Final[Mapping[Kind, str]] = {
    Kind.KEY: "an integer or text",
    Kind.WINDOW: "a timestamp or date, or an epoch time as a number",
    Kind.IDENTIFIER: "text, a UUID or a number",
    Kind.TEXT: "text",
    Kind.JSON: "JSON, or text that holds JSON",
    Kind.BOOLEAN: "a boolean, a bit, or a number or text that says true or false",
    Kind.VALUE: "text or a number",
    Kind.TIME: "a timestamp or date, or an epoch or ISO 8601 time as a number or text",
}
"""The same in words, for messages."""
