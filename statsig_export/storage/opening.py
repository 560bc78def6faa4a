"""Opening a storage by its URL: the file system, which extra brings it, and how long it may keep a run waiting."""

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from statsig_export.errors import SourceError, StorageError
from statsig_export.storage.errors import cause_of, without_secrets

_EXTRAS: Final = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), "azure"),
}
_BOUNDED: Final = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2, "mode": "standard"}}
"""Of a request to S3: seconds and tries; s3fs tries five times on top. A dead endpoint is an error within a minute."""
_MISTYPED: Final = re.compile(r"[A-Za-z0-9+.-]+([^\w/.-]{1,2}/{1,2}|//)[^/]*:[^/]*@")
"""As `s3;//key:secret@bucket`: taken for a folder, the secret would be its name."""
_CLIENTS: Final = ("s3fs", "aiobotocore", "botocore", "gcsfs", "google", "azure", "adlfs", "asyncio")


def open_filesystem(
    url: str,
    options: Mapping[str, object] | None = None,
    *,
    named: str = "the storage",
    error: type[StorageError | SourceError] = StorageError,
    key: str = "[storage] url",
) -> tuple[Any, str]:
    """The file system of a URL or path, and the root in its own words. Raises `error`, which calls it `named`."""
    protocol = url.partition("://")[0] if "://" in url else "file"
    if "://" not in url and _MISTYPED.match(url):
        raise error(f"{named} is no URL: what names the kind of storage ends with ://", hint=f"correct {key}")
    given = dict(options or {})
    _keep_quiet()
    if protocol in {"s3", "s3a"} and "config_kwargs" not in {**fsspec.config.conf.get(protocol, {}), **given}:
        given["config_kwargs"] = _BOUNDED
    try:
        filesystem, root = fsspec.core.url_to_fs(url, **given)
    except ImportError as missing:
        extra = _EXTRAS.get(protocol)
        install = f"pip install 'statsig-export[{extra}]'" if extra else "install fsspec's package for it"
        raise error(f"{protocol}:// needs a package that is not installed", hint=install) from missing
    except Exception as raised:  # each file system of fsspec has errors of its own
        cause = cause_of(raised)
        hint = _hint(protocol, cause.hint).replace("[storage] url", key)
        raise error(f"{named} {without_secrets(url)} cannot be opened ({cause.words})", hint=hint) from raised
    return filesystem, str(root).rstrip("/")


def _keep_quiet() -> None:
    """The clients log tracebacks, with URLs in them, of what is raised and told here in one line; unless whoever
    calls the library asks for all.
    """
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        for name in _CLIENTS:
            logger = logging.getLogger(name)
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.CRITICAL)


def is_local(filesystem: object) -> bool:
    return isinstance(filesystem, LocalFileSystem)


def _hint(protocol: str, usual: str) -> str:
    if _EXTRAS.get(protocol) == "azure":
        return "name the account and its credentials (AZURE_STORAGE_ACCOUNT_NAME ...): docs/storage.md"
    return usual
