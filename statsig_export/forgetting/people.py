"""Who is meant: an id as somebody gives it, and as the partition files may hold it."""

from collections.abc import Iterable, Iterator
from typing import Final

from statsig_export.config import Config
from statsig_export.errors import ConfigError
from statsig_export.events.people import USER, plain
from statsig_export.ledger.forgotten import Identity
from statsig_export.privacy.rule import USER_ID, Rule

Person = tuple[str, str]
"""A unit type, in whatever spelling (`userID`, `companyID`), and an id."""
_LONGEST: Final = 128
"""Characters of a unit type."""


def identities(config: Config, people: Iterable[Person]) -> Iterator[list[Identity]]:
    """For each person the ids that files may hold: the one given, and what [privacy] makes of it now.

    Raises ConfigError for an empty id, which is everybody's who has none, and for what is no unit type.
    """
    rule = config.privacy_rule()
    for unit_type, identity in people:
        if not identity:
            raise ConfigError("an id to forget is empty: events without an id are nobody's")
        if not plain(unit_type) or len(unit_type) > _LONGEST:
            raise ConfigError("--unit-type is the name of a unit type, such as companyID")
        yield [(plain(unit_type), spelling) for spelling in spellings(rule, unit_type, identity)]


def spellings(rule: Rule | None, unit_type: str, identity: str) -> list[str]:
    """The id, and what events hold in its place where it is hashed."""
    name = USER_ID if plain(unit_type) == USER else unit_type
    stored = None if rule is None else rule.stored_id(name, identity)
    return [identity] if stored in {None, identity} else [identity, str(stored)]
