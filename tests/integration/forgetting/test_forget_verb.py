"""What `forget` takes, prints and writes."""

import csv
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from home import ExportHome
from landing import EVENTS, landing_in
from old_windows import CUSTOM, GATE, lived
from rows import custom_event

from statsig_export.cli.named_people import named_ids
from statsig_export.forgetting.forget import forgotten_units
from statsig_export.maintenance.verify import verify
from statsig_export.reconciliation.check import check_arrivals
from statsig_export.reconciliation.reports import Arrivals


def people(home: ExportHome) -> int:
    return sum(unit.ids for unit in forgotten_units(home.config))


def compared(home: ExportHome) -> Arrivals:
    report, unreadable = check_arrivals(home.config)
    assert not unreadable
    return report.total


@pytest.mark.fault("F453")
def test_ids_are_read_line_by_line_however_the_file_was_made(tmp_path: Path):
    file = tmp_path / "ids.txt"
    file.write_bytes('\ufeffu-1\r\n\r\n  u-2  \r\n"u,3"\r\n" spaced "\n"say ""hi"""\n""\n"\nü\n'.encode())
    assert list(named_ids(["first"], file)) == ["first", "u-1", "u-2", "u,3", " spaced ", 'say "hi"', '"', "ü"]


@pytest.mark.fault("F453")
@pytest.mark.parametrize("content", ["u-1\n".encode("utf-16"), b"u-1\n\xff\n", b"a\0b\n"])
def test_a_file_that_is_no_text_is_refused_before_anybody_is_forgotten(home: ExportHome, content: bytes):
    home.add([custom_event(1)])
    home.export()
    home.write()
    (home.folder / "ids.txt").write_bytes(content)
    result = home.verb("forget", "--file", str(home.folder / "ids.txt"))

    assert result.exit_code == 2
    assert "is not UTF-8" in result.stderr or "zero byte" in result.stderr
    assert people(home) == 0
    assert home.verb("forget", "--file", str(home.folder / "none.txt")).exit_code == 2


def test_standard_input_names_people_in_a_process_of_its_own(home: ExportHome):
    home.add([custom_event(1), custom_event(2)])
    home.export()
    command = [sys.executable, "-m", "statsig_export", "--config", str(home.write()), "forget", "--file", "-", "--json"]
    done = subprocess.run(command, input=b"user-1\nnobody\n", env=home.environ, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["people"], told["events"], told["partitions"]) == (2, 1, [CUSTOM])
    assert b"user-1" not in done.stdout + done.stderr


def test_what_had_been_sent_is_told_as_json_and_in_a_file_of_ones_own(home: ExportHome):
    sent = {event["timeUUID"] for event in lived(home).receiver.events() if event["userID"] == "user-1"}
    home.write()
    file = home.folder / "sent.csv"
    told = json.loads(home.verb("forget", "--user-id", "user-1", "--sent", str(file), "--json").stdout)

    assert {event["time_uuid"] for event in told["sent_events"]} == sent
    assert told["account"]["forgotten"] == told["events"] == 2
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [row["time_uuid"] for row in rows] == [event["time_uuid"] for event in told["sent_events"]]
    assert {row["category"] for row in rows} == {"custom_event", "gate_exposure"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    home.verb("forget", "--user-id", "user-2", "--sent", str(file))
    assert len(list(csv.DictReader(file.read_text().splitlines()))) == 3


@pytest.mark.fault("F452")
def test_the_delete_that_is_printed_takes_them_out_of_the_table_of_arrivals(home: ExportHome):
    landing = landing_in(home.folder)
    home.environ["LANDED"] = landing.url
    home.set("arrivals", url="env:LANDED", table=EVENTS)
    home.set("webhook", max_events=4)
    home.add([custom_event(key) for key in range(1, 11)])
    home.export()
    home.ship()
    landing.land(home.receiver.events())
    assert compared(home).arrived == 10
    home.write()
    told = json.loads(home.verb("forget", "--user-id", "user-3", "--user-id", "user-9", "--json").stdout)
    before = compared(home)

    assert (before.arrived, before.missing, before.not_yet) == (8, 0, 0)
    landing.run(told["delete"][0])
    report = compared(home)
    assert (report.arrived, report.missing) == (8, 0)
    assert verify(home.config).differences == ()
    del home.environ["LANDED"]
    assert home.verb("forget", "--user-id", "user-4").exit_code == 0
    assert home.account().forgotten == 3


def test_nothing_found_is_said_and_is_on_record(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    home.write()
    result = home.verb("forget", "--user-id", "nobody")

    assert result.exit_code == 0
    assert "Nothing of them was found in the partition files." in result.stdout
    assert "It is on record that they are forgotten" in result.stdout
    assert "name the warehouse" in result.stdout
    assert "nobody" not in result.output
    assert home.verb("forget", "--list").stdout.startswith("userid: 1 ids, the latest 20")
    assert json.loads(home.verb("forget", "--list", "--json").stdout)["forgotten"][0]["ids"] == 1


@pytest.mark.fault("F455")
def test_somebody_who_was_forgotten_by_mistake_is_exported_again_once_that_is_undone(home: ExportHome):
    home.add([custom_event(1), custom_event(2), custom_event(3)])
    home.export()
    home.write()
    assert home.verb("forget", "--undo").exit_code == 2
    home.verb("forget", "--user-id", "user-1", "--user-id", "user-2")
    result = home.verb("forget", "--undo", "--user-id", "user-1", "--user-id", "nobody")

    assert result.stdout.startswith("1 of them are forgotten no more")
    report = home.export()
    assert (report.account.pending, report.account.forgotten) == (1, 1)
    assert home.ship().sent == 2
    assert (home.account().forwarded, home.account().forgotten, home.account().events) == (2, 1, 3)
    assert verify(home.config).differences == ()


def test_a_ledger_that_is_not_there_yet_remembers_whom_to_leave_out(home: ExportHome):
    home.add([custom_event(1), custom_event(2)])
    home.write()
    assert home.verb("forget").exit_code == 0
    assert home.verb("forget", "--user-id", "user-1", "--dry-run").exit_code == 0
    assert not (home.folder / "ledger.db").exists()
    assert home.verb("forget", "--user-id", "user-1").exit_code == 0
    assert home.export().account.forgotten == 1


def test_what_cannot_be_written_into_a_statement_is_refused_before_anything_is_changed(home: ExportHome):
    lived(home)
    home.write()
    result = home.verb("forget", "--user-id", "x", "--unit-type", "a.b", "--database", "snowflake")
    assert (result.exit_code, people(home)) == (2, 0)
    assert home.verb("forget", "--user-id", "", "--database", "snowflake").exit_code == 2


def test_many_ids_are_in_a_file_of_statements(home: ExportHome):
    home.add([custom_event(key) for key in range(1, 4)])
    home.export()
    home.write()
    ids, sql = home.folder / "ids.txt", home.folder / "delete.sql"
    ids.write_text("\n".join(f"user-{key}" for key in range(2, 2502)))
    words = ["forget", "--file", str(ids), "--database", "bigquery", "--mode", "unpacked", "--table", "a.b"]
    printed = home.verb(*words, "--dry-run")
    assert "1,500 ids are in no statement here" in printed.stderr
    result = home.verb(*words, "--sql", str(sql))

    assert "user-2" not in result.output
    statements = sql.read_text().split(";\n")[:-1]
    assert [statement.count("'user-") for statement in statements] == [1000, 1000, 500]
    assert stat.S_IMODE(sql.stat().st_mode) == 0o600


def test_an_id_that_privacy_hashes_is_found_as_it_is_given(home: ExportHome):
    home.environ["HASH_KEY"] = "k" * 40
    home.add([custom_event(1), custom_event(2, user={"userID": "user-2", "customIDs": {"companyID": "acme"}})])
    home.export()
    home.set("privacy", hash=["userID", "user.customIDs.*"], hash_key="env:HASH_KEY")
    home.add([custom_event(11, user_id="user-1"), custom_event(12, user={"customIDs": {"companyID": "acme"}})])
    home.export()
    home.write()
    first = json.loads(home.verb("forget", "--user-id", "user-1", "--database", "sqlite", "--json").stdout)
    second = json.loads(home.verb("forget", "--user-id", "acme", "--unit-type", "companyID", "--json").stdout)

    assert (first["events"], second["events"]) == (2, 2)
    assert first["delete"][0].count("'") == 2 + 2 * 2  # the path, and two spellings
    assert home.export().account.forgotten == 4
    assert GATE not in first["partitions"]


@pytest.mark.fault("F459")
def test_another_destination_is_told_of_those_who_are_not_forgotten_for_it(home: ExportHome):
    home.add([custom_event(1), custom_event(2)])
    home.write()
    days = ["--from", "2026-11-20", "--to", "2026-11-21"]
    assert home.verb("forget", "--user-id", "user-1").exit_code == 0
    assert "forgotten for other destinations" not in home.verb("run", *days).stderr
    home.set("webhook", name="another")
    home.write()

    for verb in ("plan", "run"):
        assert (
            "1 ids are forgotten for other destinations of this ledger and not for another"
            in home.verb(verb, *days).stderr
        )
    assert home.verb("forget", "--user-id", "user-1").exit_code == 0
    assert "forgotten for other destinations" not in home.verb("plan", *days).stderr
