"""What the documents name is there: paths, anchors, modules, verbs and targets."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from statsig_export.cli.options import VERBS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
MADE = (ROOT / ".gitignore").read_text("utf-8").split()
"""Pages that are made from the code when the site is built; the site's own check holds their anchors."""
TOP = {path.name for path in ROOT.iterdir()} - {name.rstrip("/") for name in MADE} | {"tests", "docs"}
CODE = ("statsig_export", "dagster_project", "tests", "benchmarks", "torture", "fuzz", "release")
PYTHON_PROGRAMS = re.compile(r"python3? -m ([a-z_.]+)")
TEST_PROGRAMS = re.compile(r"(?:PYTHONPATH=(\S+) )?(?:\.venv/bin/)?python (tests/[\w/]+\.py)")
VERB = re.compile(r"(?:^|`)statsig-export(?: --?[a-z]+(?: \S+)?)* ([a-z][a-z-]+)", re.MULTILINE)


def links(document: Path) -> Iterator[tuple[str, str]]:
    """(path, anchor) of each link within the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(document: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def paths(document: Path) -> Iterator[str]:
    """Files (with a suffix) and folders (with a slash at the end) of this repository, but no patterns."""
    for word in re.findall(r"(?<![\w./])[\w.-]+/[\w./<>*-]*", document.read_text("utf-8")):
        path = word.rstrip(".")  # the end of a sentence
        if path.split("/")[0] in TOP and (path.endswith("/") or Path(path).suffix) and not re.search(r"[<>*]", path):
            yield path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    for path, anchor in links(document):
        target = (document.parent / path).resolve() if path else document
        assert target.exists() or str(target.relative_to(ROOT)) in MADE, path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_that_are_named_exist(document: Path):
    assert [path for path in paths(document) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_modules_and_their_names_exist(document: Path):
    for dotted in re.findall(r"statsig_export(?:\.\w+)+", document.read_text("utf-8")):
        module, _, name = dotted.rpartition(".")
        assert find_spec(module), dotted
        assert find_spec(dotted) if _is_module(dotted) else hasattr(import_module(module), name), dotted


def _is_module(dotted: str) -> bool:
    return (ROOT / dotted.replace(".", "/")).is_dir() or (ROOT / (dotted.replace(".", "/") + ".py")).is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_programs_verbs_and_targets_exist(document: Path):
    text = document.read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert set(VERB.findall(text)) <= set(VERBS)
    assert set(re.findall(r"`?make ([a-z]+)[` ]", "".join(commands(text)))) <= targets
    for module in PYTHON_PROGRAMS.findall(text):
        assert (ROOT / module.replace(".", "/")).exists() or (ROOT / (module.replace(".", "/") + ".py")).exists(), (
            module
        )


def test_programs_among_the_tests_find_what_they_import_when_started_as_is_said():
    texts = [*(path.read_text("utf-8") for path in DOCUMENTS), *map(prose, (ROOT / "tests").rglob("*.py"))]
    said = {found for text in texts for found in TEST_PROGRAMS.findall(text)}

    assert ("tests/builders", "tests/databases/test_pinned_statements.py") in said
    assert [found for found in said if unfound(*found)] == []


def unfound(python_path: str, program: str) -> set[str]:
    """The modules of the tests that a program imports, also through others, and that are in no folder it looks in."""
    folders = [ROOT / folder for folder in (*filter(None, python_path.split(":")), Path(program).parent)]
    of_tests = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    missing, waiting, seen = set(), [ROOT / program], set()
    while waiting:
        tree = ast.walk(ast.parse(waiting.pop().read_text("utf-8")))
        names = {node.module or "" for node in tree if isinstance(node, ast.ImportFrom)} & of_tests - seen
        seen |= names
        for name in names:
            places = [folder / f"{name}.py" for folder in folders if (folder / f"{name}.py").is_file()]
            missing |= set() if places else {name}
            waiting += places[:1]
    return missing


@pytest.mark.parametrize("folder", CODE)
def test_files_that_docstrings_and_comments_name_exist(folder: str):
    files = {path.name for place in CODE for path in (ROOT / place).rglob("*.py")} | {"file.py"}
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\b[a-z]\w*\.py\b", prose(path))
    }

    assert sorted(name for name in named if name[1] not in files) == []


def prose(path: Path) -> str:
    """The docstrings, also those below a field or a constant, and the comments of a file."""
    text = path.read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    alone = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr)]
    docstrings = [str(node.value) for node in alone if isinstance(node, ast.Constant)]
    return "\n".join([*docstrings, *(token.string for token in tokens if token.type == tokenize.COMMENT)])


def commands(text: str) -> list[str]:
    """What is set in backticks or in a block."""
    return re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)
