"""The fault catalogue: what docs/faults.md says of each fault, and the tests that bear its id.

`python tests/fault_catalogue.py` writes the tests' names into docs/faults.md anew.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "faults.md"
NOT_TESTED = "No test: "
_ENTRY = re.compile(r"^- \*\*(F\d{2,3})\*\* (.+?)$((?:\n  .+)*)", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """One fault of the document."""

    fault: str
    says: str
    tests: tuple[str, ...]


def marked_tests() -> dict[str, list[str]]:
    """Fault -> `folder/file.py: test`, by the markers in the source."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for fault in _faults_of(node):
                    found[fault].append(f"{file.relative_to(TESTS)}: {node.name}")
    return found


def _faults_of(test: ast.FunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def entries() -> list[Entry]:
    """What the document says, in its order."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return [
        Entry(fault, says, tuple(re.findall(r"^  - `(.+?)`$", tests, re.MULTILINE)))
        for fault, says, tests in _ENTRY.findall(text)
    ]


def rewritten() -> str:
    """The document with the names of the tests as they are now."""
    marked = marked_tests()

    def entry(match: re.Match[str]) -> str:
        lines = [f"- **{match[1]}** {match[2]}", *(f"  - `{name}`" for name in marked[match[1]])]
        return "\n".join(lines)

    return _ENTRY.sub(entry, DOCUMENT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    DOCUMENT.write_text(rewritten(), encoding="utf-8")
