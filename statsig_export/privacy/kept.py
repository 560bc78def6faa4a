"""What was made of the latest texts, so that it is made once: bounded by their letters, not by their number. Pure."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

Made = TypeVar("Made")

MOST_LETTERS: Final = 4 * 2**20


class Kept(Generic[Made]):
    """Text -> what was made of it, until there are too many letters: then it begins anew."""

    def __init__(self) -> None:
        self._made: dict[str, Made] = {}
        self._letters = 0

    def of(self, text: str, make: Callable[[str], Made]) -> Made:
        found = self._made.get(text)
        if found is None:
            self._letters += len(text)
            if self._letters > MOST_LETTERS:
                self._made.clear()
                self._letters = len(text)
            found = self._made[text] = make(text)
        return found
