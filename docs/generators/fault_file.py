"""The faults that the stand-in webhook plays, from the classes that describe them."""

import dataclasses
from enum import StrEnum

from generators.markdown import code, docstrings_of_fields, prose, table
from statsig_export.testing.webhook import faults
from statsig_export.testing.webhook.faults import Action, Faults, Rule, Shape, Stage

IN_PYTHON_ONLY = {"where"}
"""A function, which no file can hold."""
INTRODUCTION = """\
# Faults of the stand-in

`statsig-export receiver --faults FILE` plays faults, to see what an export makes of them before Fivetran does.
"""


def page() -> str:
    about = prose(faults.__doc__).split("\n", 1)[1].strip()
    fields = [
        _fields(title, class_) for title, class_ in (("The file", Faults), ("A rule", Rule), ("An action", Action))
    ]
    words = [_words("reset", Stage), _words("reply", Shape)]
    return "\n\n".join([INTRODUCTION.rstrip(), about, *fields, *words]) + "\n"


def _fields(title: str, class_: type) -> str:
    docstrings = docstrings_of_fields(class_)
    names = [field.name for field in dataclasses.fields(class_) if field.name not in IN_PYTHON_ONLY]
    lead = prose(class_.__doc__)
    return f"## {title}\n\n{lead}\n\n" + table(["key", "meaning"], [(code(n), docstrings.get(n, "")) for n in names])


def _words(key: str, words: type[StrEnum]) -> str:
    docstrings = docstrings_of_fields(words)
    rows = [(code(word.value), docstrings.get(word.name, "")) for word in words]
    return f"## {key}\n\n{prose(words.__doc__)}\n\n" + table(["value", "meaning"], rows)
