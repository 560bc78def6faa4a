"""Which clean environments the wheel is tried in."""

import tomllib

import pytest

from release.distributions import ROOT
from release.installed import EXTRA, VERSION, Attempt, attempts, not_here
from release.probes import PROBES

pytestmark = pytest.mark.acceptance

METADATA = """\
Name: statsig-export
Classifier: Programming Language :: Python :: 3.11
Classifier: Programming Language :: Python :: 3.12
Provides-Extra: s3
Provides-Extra: dagster
"""


def test_every_extra_is_tried_on_the_first_python_and_dagster_on_all():
    assert list(attempts(METADATA, {"3.11": "/first", "3.12": "/second", "3.99": "/unnamed"})) == [
        Attempt("3.11", "", "/first"),
        Attempt("3.11", "s3", "/first"),
        Attempt("3.11", "dagster", "/first"),
        Attempt("3.12", "", "/second"),
        Attempt("3.12", "dagster", "/second"),
    ]


@pytest.mark.fault("F386")
def test_a_python_that_the_wheel_names_and_that_is_not_here_is_named_and_the_others_are_tried():
    there = {"3.12": "/second"}

    assert not_here(METADATA, there) == ["3.11"]
    assert [attempt.version for attempt in attempts(METADATA, there)] == ["3.12"] * 3
    with pytest.raises(LookupError, match="no Python is here"):
        list(attempts(METADATA, {"3.10": "/old"}))


@pytest.mark.fault("F386")
def test_an_extra_that_nobody_tries_is_an_error():
    with pytest.raises(LookupError, match="how to try the extra pigeons"):
        list(attempts(f"{METADATA}Provides-Extra: pigeons\n", {"3.11": "/first", "3.12": "/second"}))


@pytest.mark.fault("F386")
def test_each_extra_of_the_project_has_a_probe_and_each_probe_an_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert set(PROBES) == {"", *project["optional-dependencies"]}


def test_the_makefile_looks_for_each_python_that_the_wheel_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = VERSION.findall("\n".join(f"Classifier: {line}" for line in project["classifiers"]))

    assert named
    assert all(f"python{version}" in (ROOT / "Makefile").read_text("utf-8") for version in named)
    assert EXTRA.findall(METADATA) == ["s3", "dagster"]
