"""The fenced blocks of a page, and what a test does with each by its language.

`sh` and `python` run, in the order of the page, as one script; `toml` is loaded as a configuration; `yaml`, `json`,
`ini`, `sql` and `hcl` are parsed. `text` and `mermaid` are to be looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
]
RUN = ("sh", "python")
LOADED = ("toml", "yaml", "json", "ini", "sql", "hcl")
SHOWN = ("text", "mermaid")
_FILE = re.compile(r"# (\w+\.py)\n")
"""The first line of a block of Python that a reader writes to a file."""
_FENCE = re.compile(r"^( *)```(\S*) *\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is its first line in the page, from 1."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """The blocks of these languages, of all if none is given, in order."""
    text = page.read_text("utf-8")
    for fence in _FENCE.finditer(text):
        indent, language, inner = fence.groups()
        if not language.startswith("{") and (not languages or language in languages):  # {...}: a directive of the site
            lines = (line.removeprefix(indent) for line in inner.splitlines(keepends=True))
            yield Block(page, text.count("\n", 0, fence.start()) + 2, language, "".join(lines))


def script(page: Path) -> str:
    """What a reader types who follows the page from its top, as one script for bash that stops at the first failure."""
    parts = ["set -euo pipefail\n"]
    for block in blocks(page, *RUN):
        parts.append(f"echo '--- {block}' >&2\n")
        file = _FILE.match(block.text)
        if block.language == "python":
            command = f"cat > {file[1]}" if file else "python -"
            parts.append(f"{command} <<'PYTHON'\n{block.text}PYTHON\n")
        else:
            parts.append(block.text)
    return "".join(parts)
