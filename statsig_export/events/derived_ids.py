"""Identity: a timeUUID for rows whose source gives none but a primary key.

No SDK sends a timeUUID; Statsig mints it at ingestion. Where the source has none either, it is derived from the row's
primary key, so that every later export of the row gives the same id, and equal events under two keys stay two events.

An integer key becomes an RFC 9562 version-8 UUID: 62 bits of a digest over the source's and the table's name, and the
key itself in the last 60 bits (so the id can be read back to the row). Any other key becomes a version-5 UUID in a
namespace of the same digest. Neither depends on anything but these names and the key. Rows without a key are known by
their content (content_ids.py).

An integer is one whatever type its column has: 1, '1' and a numeric 1.0 give one id. That is derivation 2. Derivation
1 went by the column's type, so that a text '1' became a version-5 UUID; a table that began so goes on so (`as_text`).
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, array, choose, of_letters, pc, replaced, take, values_of, where

LARGEST_KEY: Final = 2**60 - 1
"""The largest integer primary key that a version-8 UUID holds."""

_UUID_CHARACTERS: Final = 36
_KEY_AT: Final = 20
"""Where the key's fifteen digits begin in the text of a version-8 UUID."""
_INTEGER_TEXT: Final = r"^(0|-?[1-9][0-9]*)$"
_SMALL_INTEGER_TEXT: Final = r"^(0|[1-9][0-9]{0,17}|1[0-9]{18})$"
"""Those of it that surely fit into 64 bits; LARGEST_KEY is among them."""
_KEY_DIGITS: Final = re.compile("[0-9a-f]{3}-[0-9a-f]{12}")
_HEX_PAIRS: Final = np.frombuffer(bytes(range(256)).hex().encode(), dtype=np.uint8).reshape(256, 2)


def derived_ids(row_keys: Column, source_name: str, table_name: str, *, as_text: bool = False) -> Column:
    """A UUID for each primary key (int64 or large_string), as lowercase text; table_name is schema-qualified.

    `as_text` takes every key for a text, also one that is an integer. A null key, whose row fails, has no id.
    """
    if row_keys.null_count:
        ids = derived_ids(row_keys.drop_null(), source_name, table_name, as_text=as_text)
        places = np.cumsum(where(row_keys.is_valid())) - 1
        return take(ids, choose(row_keys.is_valid(), array(places), pa.scalar(None, pa.int64())))
    digest = _digest(source_name, table_name)
    namespace = uuid.UUID(bytes=digest[:16], version=5)
    if as_text:
        return array(_version_5(namespace, values_of(row_keys)), TEXT)
    if not pa.types.is_integer(row_keys.type):
        return _of_texts(row_keys, digest, namespace)
    keys = row_keys.to_numpy(zero_copy_only=False).astype(np.int64)
    ids = _version_8(digest, keys)
    outside = np.flatnonzero((keys < 0) | (keys > LARGEST_KEY))
    return replaced(ids, outside, [*_version_5(namespace, keys[outside].tolist())])


def are_integers(row_keys: Column) -> bool:
    """Whether every key is an integer, spelled as one: then it is the same key in whatever type a column may get."""
    if pa.types.is_integer(row_keys.type):
        return True
    return bool(where(pc.match_substring_regex(row_keys, _INTEGER_TEXT)).all())


def derived_prefix(source_name: str, table_name: str) -> str:
    """What the ids that hold an integer key begin with; fifteen hex digits of the key follow, with a hyphen after three
    of them.
    """
    return _version_8_prefix(_digest(source_name, table_name))


def row_key_of(time_uuid: str, source_name: str, table_name: str) -> int | None:
    """The integer primary key that `derived_ids` made this id of; None for an id it did not make of one here."""
    digest = _digest(source_name, table_name)
    prefix, digits = time_uuid[:_KEY_AT], time_uuid[_KEY_AT:]
    if prefix != _version_8_prefix(digest) or not _KEY_DIGITS.fullmatch(digits):
        return None
    return int(digits.replace("-", ""), 16)


def _digest(source_name: str, table_name: str) -> bytes:
    return hashlib.sha256(json.dumps([source_name, table_name]).encode()).digest()


def _version_8_prefix(digest: bytes) -> str:
    own = digest[16:].hex()
    return f"{own[:8]}-{own[8:12]}-8{own[12:15]}-{'89ab'[digest[-1] % 4]}"


def _of_texts(texts: Column, digest: bytes, namespace: uuid.UUID) -> Column:
    small = where(pc.match_substring_regex(texts, _SMALL_INTEGER_TEXT))
    ids = array(_version_5(namespace, values_of(texts)) if not small.all() else [""] * len(texts), TEXT)
    positions = np.flatnonzero(small)
    if not len(positions):
        return ids
    keys = take(texts, positions).cast(pa.int64()).to_numpy(zero_copy_only=False)
    held = keys <= LARGEST_KEY
    ids = replaced(ids, positions[held], _version_8(digest, keys[held]))
    return replaced(ids, positions[~held], [*_version_5(namespace, keys[~held].tolist())])


def _version_5(namespace: uuid.UUID, keys: Iterable[object]) -> list[str]:
    return [str(uuid.uuid5(namespace, str(key))) for key in keys]


def _version_8(digest: bytes, keys: npt.NDArray[np.int64]) -> Column:
    """`dddddddd-dddd-8ddd-vkkk-kkkkkkkkkkkk`: d from the digest, v the variant and two bits of it, k the key."""
    digits = _HEX_PAIRS[keys.astype(">u8").view(np.uint8)].reshape(len(keys), 16)
    characters = np.empty((len(keys), _UUID_CHARACTERS), dtype=np.uint8)
    characters[:, :_KEY_AT] = np.frombuffer(_version_8_prefix(digest).encode(), dtype=np.uint8)
    characters[:, _KEY_AT:23] = digits[:, 1:4]
    characters[:, 23] = ord("-")
    characters[:, 24:] = digits[:, 4:]
    offsets = np.arange(0, characters.size + 1, _UUID_CHARACTERS, dtype=np.int64)
    return of_letters(characters.reshape(-1), offsets)
