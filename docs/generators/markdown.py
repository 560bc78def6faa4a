"""Markdown out of names and docstrings."""

import ast
import inspect
import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a blank line or a bar within a cell would end it."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    return f"`{text}`"


def prose(docstring: str | None) -> str:
    """A docstring as paragraphs."""
    return inspect.cleandoc(docstring or "")


def docstrings_of_fields(class_: type) -> dict[str, str]:
    """Field or member -> the docstring below it. A class's own fields only."""
    tree = ast.walk(ast.parse(inspect.getsource(class_)))
    statements = next(node.body for node in tree if isinstance(node, ast.ClassDef))
    docstrings = {}
    for statement, after in zip(statements, [*statements[1:], None], strict=True):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    docstrings[name] = prose(str(after.value.value))
    return docstrings


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|")
