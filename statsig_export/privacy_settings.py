"""`[privacy]` of export.toml: what of an event is dropped or hashed before anything is written."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, model_validator

from statsig_export.privacy.checked_paths import event_path, user_path
from statsig_export.privacy.hashing import Normalize
from statsig_export.privacy.presets import PRESETS, Preset, PresetName
from statsig_export.privacy.rule import RulePath
from statsig_export.settings import SecretName, Settings


def _checked_event_path(text: str) -> str:
    event_path(text)
    return text


def _checked_user_path(text: str) -> str:
    user_path(text)
    return text


EventPath = Annotated[str, AfterValidator(_checked_event_path)]
UserPath = Annotated[str, AfterValidator(_checked_user_path)]


class HashedPath(Settings):
    """An entry of `hash`: `{ path = "user.email", normalize = "lower" }`; the path alone is short for it."""

    path: EventPath
    """Which member."""
    normalize: Normalize = "none"
    """What is done to its text before: "lower" or "trim_lower", for values that sources spell differently."""


def _path_alone(entry: object) -> object:
    return {"path": entry} if isinstance(entry, str) else entry


class PrivacySettings(Settings):
    """`[privacy]`: members of events that do not leave as they are (docs/how-to/personal-data.md)."""

    preset: PresetName | None = None
    """"strict": lists for users and what SDKs and websites commonly send, which the lists below add to."""
    drop: tuple[EventPath, ...] = ()
    """Paths that are left out: "user.ip", "user.custom.phone*", "statsigMetadata.*"."""
    hash: tuple[Annotated[HashedPath, BeforeValidator(_path_alone)], ...] = ()
    """Paths whose values are replaced by their HMAC-SHA-256, in hexadecimal."""
    hash_key: SecretName | None = None
    """env:NAME of the key, at least 32 bytes long: required where something is hashed."""
    keep_user: tuple[UserPath, ...] | None = None
    """Paths inside the user: whatever else the user has is dropped. None: there is no such limit."""

    @model_validator(mode="after")
    def _hashes_have_a_key(self) -> "PrivacySettings":
        if self.hashes and self.hash_key is None:
            raise ValueError('hashing needs a key: hash_key = "env:STATSIG_EXPORT_HASH_KEY"')
        return self

    @property
    def acts(self) -> bool:
        """Whether there is any rule."""
        return bool(self.preset or self.drop or self.hash) or self.keep_user is not None

    @property
    def hashes(self) -> bool:
        return bool(self.hash) or (self.preset is not None and bool(PRESETS[self.preset].hash))

    def paths(self) -> list[RulePath]:
        """The rule's entries: those of the file before those of the preset."""
        preset = Preset((), (), ()) if self.preset is None else PRESETS[self.preset]
        keep = preset.keep_user if self.keep_user is None else self.keep_user
        hashes = [*self.hash, *(HashedPath(path=path) for path in preset.hash)]
        return [
            *(RulePath(event_path(path), "drop", origin=path) for path in (*self.drop, *preset.drop)),
            *(RulePath(user_path(path), "keep_user", origin=path) for path in keep),
            *(RulePath(event_path(each.path), "hash", each.normalize, each.path) for each in hashes),
        ]

    @property
    def limits_user(self) -> bool:
        """Whether a keep_user counts, its own or the preset's."""
        return self.keep_user is not None or (self.preset is not None and bool(PRESETS[self.preset].keep_user))
