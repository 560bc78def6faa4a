"""The reference pages that are made from the code when the site is built, so that they cannot differ from it."""

from collections.abc import Callable
from pathlib import Path

from generators import command_line, configuration, fault_file, json_objects, layouts, ledger, reasons

PAGES: dict[str, Callable[[], str]] = {
    "configuration": configuration.page,
    "command-line": command_line.page,
    "json": json_objects.page,
    "layouts": layouts.page,
    "reasons": reasons.page,
    "ledger": ledger.page,
    "receiver-faults": fault_file.page,
}
"""Name of the page, without .md -> what makes its text."""


def write_pages(folder: Path) -> None:
    """Write each page to `folder`, unless it has that text already: Sphinx reads again what is newer."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        path, text = folder / f"{name}.md", page()
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
