"""What went wrong, by a code and a name, and what to do about it. Pure."""

import errno
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

Advice: TypeAlias = tuple[tuple[str, str], ...]
"""The first prefix of a code that matches, and its sentence; "{url}" stands for the key that names the database."""
Phrases: TypeAlias = tuple[tuple[str, str, str], ...]
"""Words of a message -> a code and its name, where an error has no code."""

CHECK: Final = "check {url}"
AGAIN: Final = "nothing is lost: run it again"

_RESOLVING: Final = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}


@dataclass(frozen=True, slots=True)
class Cause:
    """What went wrong, in the database's own words."""

    code: str
    """An SQLSTATE, the number or the name of the database's or the system's code; "" where there is none."""
    name: str

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


def system_cause(error: OSError) -> Cause:
    """The cause of an error of the system's: its errno by name."""
    if isinstance(error, ssl.SSLError):
        return Cause("TLS", str(getattr(error, "verify_message", "") or error.reason or type(error).__name__))
    if isinstance(error, socket.gaierror):
        return Cause(_RESOLVING.get(error.errno or 0, "EAI_FAIL"), "the host's name does not resolve")
    if isinstance(error, TimeoutError) and error.errno is None:
        return Cause("ETIMEDOUT", "no answer in time")
    return Cause(errno.errorcode.get(error.errno or 0, ""), error.strerror or type(error).__name__)


def phrased(text: str, phrases: Phrases) -> Cause | None:
    """The first of the phrases that is in the text."""
    return next((Cause(code, name) for words, code, name in phrases if words in text), None)


def advised(cause: Cause, advice: Iterable[tuple[str, str]]) -> str | None:
    return next((sentence for prefix, sentence in advice if cause.code.startswith(prefix)), None)


NETWORK: Final[Advice] = (
    ("EAI_", f"{CHECK}: its host's name, as this machine resolves it"),
    ("ECONNREFUSED", f"{CHECK}: its host and port, and whether the server is up and listens there"),
    ("ETIMEDOUT", f"{CHECK}: its host and port, and whether a firewall is between"),
    ("TLS", f"{CHECK}: its certificate authority and its settings for TLS"),
    ("E", f"{CHECK}: its host and port, and whether the server is up"),
)
"""For a server that cannot be reached at all."""
