"""Homes at the end of a set-up that many cases begin with: one of them makes it, the others have a copy of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from home import Home


@dataclass
class KeptHomes:
    """What is kept lies in `folder`. Source and ledger of the homes are SQLite files in their own folders."""

    folder: Path
    _kept: dict[tuple[object, ...], Path] = field(default_factory=dict)

    def begin(self, home: Home, state: tuple[object, ...], make: Callable[[], object]) -> None:
        """Let the home be as `make` leaves it, which changes nothing but what lies in its folder.

        `state` is all that what is made depends on. The receiver of a copy has not seen what `make` sent.
        """
        if state in self._kept:
            shutil.copytree(self._kept[state], home.folder, dirs_exist_ok=True)
            return
        make()
        assert not list(home.folder.rglob("*-wal")), "a database is open still: its file alone is not all of it"
        kept = self.folder / str(len(self._kept))
        shutil.copytree(home.folder, kept)
        self._kept[state] = kept
