"""The spellings of one timeUUID: people copy it from logs, other databases and URNs. Pure."""

from uuid import UUID

from statsig_export.errors import ConfigError


def spellings(time_uuid: str | UUID) -> tuple[str, ...]:
    """The texts that a file may hold for this id: the one that was given first, without blanks round it, then, of a
    UUID, its usual one and others. A source's own ids are stored as the source spells them.

    Raises ConfigError for what can be no id.
    """
    text = str(time_uuid).strip() if isinstance(time_uuid, str | UUID) else ""
    if not text or not _can_be_stored(text):
        raise ConfigError("a timeUUID is a text, and not the empty one")
    usual = usual_spelling(text)
    if usual is None:
        return (text,)
    digits = usual.replace("-", "")
    lower = (usual, digits, f"{{{usual}}}", f"urn:uuid:{usual}")
    upper = (usual.upper(), digits.upper(), f"{{{usual.upper()}}}")
    return tuple(dict.fromkeys((text, *lower, *upper)))


def usual_spelling(text: str) -> str | None:
    """A UUID in small letters with dashes; None for what is none."""
    try:
        return str(UUID(text.lower()))
    except ValueError:
        return None


def _can_be_stored(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False
