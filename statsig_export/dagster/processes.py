"""Which process carries out a run, in words by which another process can tell whether it still lives.

A pid says something only inside its PID namespace, and that only under its kernel: containers, and machines, may share
a host name. So the place of a process is all three, and whoever is elsewhere does not look at pids.
"""

import os
import re
import socket
from functools import cache
from pathlib import Path
from typing import Final
from uuid import uuid4

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE: Final = Path("/proc/self/ns/pid")
_STAT: Final = Path("/proc/self/stat")


def process(pid: int) -> str:
    """Place, pid, and when the process began: another one may get the pid later."""
    return f"{place()} {pid} {began(pid)}"


@cache
def place() -> str:
    """Where pids mean what they mean here: host name, boot of the kernel, PID namespace.

    The number of a namespace is free again once its last process has ended, so a container that is started anew may
    have its old place: then every process that was told from there is gone, as their beginnings show.
    """
    host = re.sub(r"[\s/]", "_", socket.gethostname()) or "_"
    if not _STAT.exists():  # no Linux: no containers without a kernel of their own
        return host
    try:
        boot, namespace = _BOOT.read_text(encoding="ascii").strip(), re.sub(r"\D", "", str(_NAMESPACE.readlink()))
    except OSError:  # a sandbox that hides them: nobody else is here, for all that is known
        return f"{host}/{uuid4()}"
    return f"{host}/{boot}/{namespace}"


def began(pid: int) -> str:
    """Clock ticks since the boot, on Linux; elsewhere only whether there is such a process."""
    if not _STAT.exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return "gone"
        except PermissionError:
            pass
        return "there"
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return "gone"
    return "gone" if state == "Z" else fields[18]
