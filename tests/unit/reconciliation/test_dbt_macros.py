"""The dbt package has the queries of `dedupe-view`, and no others."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from statsig_export.cli.options import cli
from statsig_export.reconciliation.dbt_macros import ADAPTERS, dbt_macros

FILE = Path(__file__).parents[3] / "deploy/dbt/macros/statsig_events_once.sql"


@pytest.mark.fault("F417")
def test_the_file_of_the_package_is_what_the_verb_prints():
    printed = CliRunner().invoke(cli, ["dedupe-view", "--dbt"]).stdout

    assert FILE.read_text() == printed == dbt_macros(), "statsig-export dedupe-view --dbt > deploy/dbt/macros/..."


def test_it_has_a_macro_for_each_adapter_and_says_which_it_has_for_any_other():
    text = dbt_macros()

    assert all(f"macro {adapter}__statsig_events_once" in text for adapter in ADAPTERS)
    assert f"it is written for {', '.join(ADAPTERS)}" in text


def test_without_a_database_the_verb_says_what_is_missing():
    result = CliRunner().invoke(cli, ["dedupe-view"])

    assert result.exit_code == 2
    assert "--database" in result.stderr
