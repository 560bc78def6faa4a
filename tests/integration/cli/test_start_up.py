"""What a process imports before it can answer: the slow libraries only where they are used."""

import json

import pytest
from home import ExportHome
from rows import custom_event
from shell import Shell
from verbs import run_python

pytestmark = pytest.mark.acceptance

SLOW = {"numpy", "pandas", "pyarrow", "sqlalchemy", "dagster", "requests", "pydantic", "rich"}
IMPORTED = """
import atexit, json, runpy, sys
atexit.register(lambda: print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr))
sys.argv[1:] = json.loads(sys.argv[1])
"""
COMMAND_LINE = f"{IMPORTED}runpy.run_module('statsig_export', run_name='__main__')"


def imported(code: str, *words: str, environ: dict[str, str] | None = None) -> set[str]:
    """The top-level packages that a process has imported when it ends well."""
    done = run_python(code, environ or {}, json.dumps(words))
    assert done.returncode == 0, done.stderr[-2_000:]
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", [["--help"], ["--version"]], ids=" ".join)
def test_help_and_version_import_no_slow_library(words: list[str]):
    assert not imported(COMMAND_LINE, *words) & SLOW


def test_the_package_and_its_public_names_import_no_slow_library():
    assert not imported(f"{IMPORTED}import statsig_export; dir(statsig_export)") & SLOW


def test_completing_a_verb_imports_no_slow_library():
    environ = {"_STATSIG_EXPORT_COMPLETE": "bash_complete", "COMP_WORDS": "statsig-export st", "COMP_CWORD": "1"}

    assert not imported(COMMAND_LINE, environ=environ) & SLOW


def test_a_verbs_help_imports_neither_dagster_nor_pandas():
    for verb in ("status", "ship", "resume", "check"):
        assert not imported(COMMAND_LINE, verb, "--help") & {"dagster", "pandas"}


@pytest.mark.parametrize("verb", ["status", "check --export-age 36500d", "resume", "metrics"])
def test_what_looks_at_the_ledger_imports_neither_frames_nor_an_http_client(home: ExportHome, verb: str):
    home.add([custom_event(1)])
    home.export()
    home.ship()
    words = ("--config", str(Shell(home).config), *verb.split())

    assert not imported(COMMAND_LINE, *words, environ=home.environ) & (SLOW - {"sqlalchemy", "pydantic", "rich"})


def test_the_demo_says_that_it_needs_dagster_and_explains_itself_without():
    without = f"{IMPORTED}sys.modules['dagster'] = None\nimport statsig_export.cli; statsig_export.cli.main()"
    helped = run_python(without, {}, json.dumps(["demo", "--help"]))
    refused = run_python(without, {}, json.dumps(["demo"]))

    assert helped.returncode == 0
    assert refused.returncode == 2
    assert "the demo runs in Dagster. pip install 'statsig-export[dagster]'" in refused.stderr
