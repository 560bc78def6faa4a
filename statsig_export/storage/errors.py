"""What an error of the storage means: its cause in a few words, and what to do about it.

Nothing is passed on of what a client says in its own words: it quotes URLs, and a URL may hold a key. What identifies
the cause does: errno and its name, the service's error code, host and port of the endpoint, or the kind of error.
"""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_CREDENTIALS: Final = "check the credentials: docs/storage.md says where they are looked for"
_BUSY: Final = "try again later: nothing is lost, what was not sent stays pending"
_REGION: Final = "set the bucket's own region (AWS_DEFAULT_REGION)"
_SPACE: Final = "free some space there, then run it again: what was half written is removed, and what is whole is used"
_ENDPOINT: Final = "check the network and the endpoint (AWS_ENDPOINT_URL), then run it again: nothing is lost"
_CHECK: Final = "check [storage] url and the disk"

_BY_ERRNO: Final[Mapping[int, str]] = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE.replace("free some space", "raise the quota or free some space"),
    errno.EFBIG: "raise the limit of a file's size (`ulimit -f`), then run it again",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), then run it again",
    errno.ENFILE: "this machine has too many files open: end what holds them, then run it again",
    errno.ENOMEM: "this machine is out of memory: free some, then run it again",
    errno.EROFS: "it is mounted read-only: mount it for writing, then run it again",
    errno.EACCES: "let the user that runs this read and write there",
    errno.EPERM: "let the user that runs this read and write there",
    errno.ENAMETOOLONG: "choose a shorter [storage] url",
    errno.ENOTDIR: "a file is where a folder should be: move it away, or change [storage] url",
    errno.EEXIST: "a file is where a folder should be: move it away, or change [storage] url",
    errno.ENOENT: "check that the disk is mounted and that [storage] url is right",
    errno.ECONNREFUSED: _ENDPOINT,
}
_BY_CODE: Final[Mapping[str, str]] = {
    "NoSuchBucket": "create the bucket, or correct [storage] url",
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "HTTP 301": _REGION,
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "InternalError": _BUSY,
    "HTTP 500": _BUSY,
    "HTTP 503": _BUSY,
    "AccessDenied": "let these credentials list, read, write and delete there",
    "HTTP 401": _CREDENTIALS,
    "HTTP 403": "check the credentials, and let them list, read, write and delete there: docs/storage.md",
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "AuthenticationFailed": _CREDENTIALS,
    "AuthorizationFailure": _CREDENTIALS,
    "NoAuthenticationInformation": _CREDENTIALS,
    "ContainerNotFound": "create the container, or correct [storage] url",
}
_BY_KIND: Final[Mapping[str, str]] = {
    "NoCredentialsError": _CREDENTIALS,
    "PartialCredentialsError": _CREDENTIALS,
    "CredentialRetrievalError": _CREDENTIALS,
    "DefaultCredentialsError": _CREDENTIALS,
    "RefreshError": _CREDENTIALS,
    "ClientAuthenticationError": _CREDENTIALS,
    "ProfileNotFound": "correct AWS_PROFILE, or write that profile into ~/.aws/config",
    "EndpointConnectionError": _ENDPOINT,
    "ConnectTimeoutError": _ENDPOINT,
    "ReadTimeoutError": _ENDPOINT,
    "ConnectionClosedError": _ENDPOINT,
    "ClientConnectorError": _ENDPOINT,
    "EndpointResolutionError": "AWS_ENDPOINT_URL holds no URL of an endpoint such as https://host:9000",
}
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_NOT_ALLOWED: Final = frozenset({errno.EACCES, errno.EPERM})
_OF_ANOTHER: Final = (
    "another user owns it, perhaps by a command that was run as root: give it to the user that runs this (`chown -R`),"
    " and run every command as that one: docs/storage.md"
)
_THIS_PROCESS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_THIS_PLACE: Final = frozenset({errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something could not be done."""

    words: str
    hint: str


def cause_of(error: BaseException) -> Cause:
    """The cause that an exception tells of, or one of those that it came from."""
    chain = list(_chain(error))
    endpoint = next(filter(None, map(_endpoint, chain)), "")
    for code in filter(None, map(_service_code, chain)):
        return Cause(f"{code}{endpoint}", _BY_CODE.get(code, _CHECK))
    for inner in chain:
        if type(inner).__name__ in _BY_KIND:
            return Cause(f"{type(inner).__name__}{endpoint}", _BY_KIND[type(inner).__name__])
    number = error_number(error)
    if number is not None:
        return Cause(f"{errno.errorcode[number]}: {os.strerror(number)}", _BY_ERRNO.get(number, _CHECK))
    return Cause(f"{type(error).__name__}{endpoint}", _CHECK)


def cause_at(error: BaseException, place: object) -> Cause:
    """The cause, with the path that it is about where that is not the place itself: one file or folder of another user
    is enough.
    """
    cause, path = cause_of(error), _path_of(error)
    if path is None:
        return cause
    owned = error_number(error) in _NOT_ALLOWED and _is_of_another_user(path)
    words = cause.words if path == str(place) else f"{cause.words}: {path}"
    return Cause(words, _OF_ANOTHER if owned else cause.hint)


def error_number(error: BaseException) -> int | None:
    """The errno of an error of this machine."""
    number = error.errno if isinstance(error, OSError) else None
    return number if number in errno.errorcode else None


def concerns_this_process(error: BaseException) -> bool:
    """Whether the next file would fare as this one did, since it is this process that can do no more."""
    return isinstance(error, MemoryError) or error_number(error) in _THIS_PROCESS


def concerns_this_place(error: BaseException) -> bool:
    """Whether it is one path that cannot be written, since something else is there or this user may not; others can."""
    return isinstance(error, PermissionError) or error_number(error) in _THIS_PLACE  # a bucket's has no errno


def says_gone(error: BaseException) -> bool:
    """Whether there is no such file, or nothing under such a prefix, where the storage itself is there."""
    return isinstance(error, FileNotFoundError) and "NoSuchBucket" not in map(_service_code, _chain(error))


def without_secrets(url: str) -> str:
    """A storage's URL as it may be shown: no name and password, no query."""
    return "::".join(map(_shown, url.split("::")))


def _path_of(error: BaseException) -> str | None:
    """The file or folder of this machine that an error is about: what is in the way, or may not be read or written."""
    number = error_number(error)
    told = (error.filename2 or error.filename) if isinstance(error, OSError) else None
    if number not in _THIS_PLACE or not isinstance(told, str | os.PathLike):
        return None
    path = Path(told)
    while not os.path.lexists(path) and path != path.parent:  # also where a folder lets nobody look into it
        path = path.parent
    if number in _NOT_ALLOWED and _may_use(path):  # then it is its folder that lets nothing be made, moved or removed
        path = path.parent
    return str(path)


def _may_use(path: Path) -> bool:
    rights = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    return os.access(path, rights, effective_ids=os.access in os.supports_effective_ids)


def _is_of_another_user(path: str) -> bool:
    try:
        return os.lstat(path).st_uid != os.geteuid()
    except OSError:
        return False


def _shown(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    if not _SCHEME.fullmatch(scheme):
        return "..."
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://..."
    user, at, host = parts.netloc.rpartition("@")
    before = rest.rpartition("@")[0]
    if ":" in before and before != user:  # a password with a `/`, `#` or `?`, which ends the host for urlsplit
        return f"{scheme}://..."
    is_container = parts.scheme.startswith(("abfs", "wasb")) and ":" not in user
    return f"{parts.scheme}://{user + at if is_container else ''}{host}{parts.path}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Each once: what a library raises anew may be among the causes of its own cause."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        yield following
        seen.add(id(following))
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _service_code(error: BaseException) -> str:
    """The code of a service's answer, as botocore, Azure's or Google's client has it; else `HTTP 403`."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        code = str(response.get("Error", {}).get("Code", ""))
    elif type(error).__module__.startswith(("azure.", "gcsfs.")):
        names = ("error_code", "status_code", "code")
        code = next((str(getattr(error, name)) for name in names if getattr(error, name, None)), "")
    else:
        return ""
    if code.isdigit():
        return f"HTTP {code}"
    return code if code.isalnum() else ""


def _endpoint(error: BaseException) -> str:
    """The endpoint that botocore could not reach; of its URL nothing but host and port."""
    told = getattr(error, "kwargs", None)
    url = told.get("endpoint_url") if isinstance(told, Mapping) else None
    try:
        host = urlsplit(str(url)).netloc.rpartition("@")[2] if url else ""
    except ValueError:
        host = ""
    return f", endpoint {host}" if host else ""
