"""The fingerprint of settings: equal settings, equal fingerprint. Pure."""

import hashlib
import json

from statsig_export.settings import Settings


def fingerprint_of(settings: Settings, exclude: dict[str, bool | set[str]] | None = None) -> str:
    """The first 16 digits of a digest of the settings, but for what is left out."""
    document = settings.model_dump(mode="json", by_alias=True, exclude=exclude)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
