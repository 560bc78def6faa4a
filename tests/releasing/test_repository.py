"""What people meet who join: the forms for issues, and the hooks before a commit."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from release.distributions import ROOT
from statsig_export.cli.options import VERBS

pytestmark = pytest.mark.acceptance

FORMS = sorted(set((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")) - {ROOT / ".github/ISSUE_TEMPLATE/config.yml"})
ASKS = {"textarea", "input", "dropdown", "checkboxes"}


def test_there_is_a_form_for_each_kind_of_report():
    assert [form.stem for form in FORMS] == ["bug", "delivery-incident", "feature"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_is_as_github_wants_it(form: Path):
    read = yaml.safe_load(form.read_text("utf-8"))
    asked = [part for part in read["body"] if part["type"] != "markdown"]
    ids = [part["id"] for part in asked]

    assert {"name", "description", "labels", "body"} == set(read)
    assert {part["type"] for part in asked} <= ASKS
    assert all(part["attributes"]["label"] for part in asked)
    assert all(part["attributes"].get("options", ["one"]) for part in asked)
    assert all(set(part) <= {"type", "id", "attributes", "validations"} for part in read["body"])
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_the_verbs_that_a_form_asks_for_are_there(form: Path):
    assert set(re.findall(r"`statsig-export ([a-z][a-z-]+)", form.read_text("utf-8"))) <= set(VERBS)


@pytest.mark.parametrize("form", ["bug", "delivery-incident"])
def test_whoever_reports_is_told_to_paste_no_secret_and_no_event(form: str):
    assert "Never paste a secret or an event" in (ROOT / f".github/ISSUE_TEMPLATE/{form}.yml").read_text("utf-8")


def test_vulnerabilities_are_reported_where_security_md_says():
    (link,) = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/config.yml").read_text("utf-8"))["contact_links"]

    assert link["url"] in (ROOT / "SECURITY.md").read_text("utf-8")


def test_the_hooks_are_what_the_gate_runs_and_nothing_else():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    gate = (ROOT / ".ci/run").read_text("utf-8")
    targets = " ".join(re.findall(r"^(?:make|timed|row) ([a-z ]+)", gate, re.MULTILINE)).split()

    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == ["make lint", "make types"]
    assert all(hook["entry"].removeprefix("make ") in targets for hook in local["hooks"])


def test_pre_commit_reads_its_configuration():
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]

    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
