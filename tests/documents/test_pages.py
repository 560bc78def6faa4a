"""What the documentation tells people to type, they can type; what it tells them to write, is read."""

import configparser
import json
import re
import socket
import tomllib
from pathlib import Path

import pytest
import sqlglot
import yaml
from blocks import LOADED, PAGES, ROOT, RUN, SHOWN, Block, blocks, script
from fivetran_api import GROUP, KEY, SECRET, fivetran_api
from reader import prepare, reading

from statsig_export.config import parse_config

FIVETRAN = ROOT / "docs/how-to/set-up-fivetran.md"
GRAMMARS = {
    "postgresql": "postgres",
    "mysql-mariadb": "mysql",
    "sql-server-fabric": "tsql",
    **{name: name for name in ("bigquery", "redshift", "databricks", "trino", "clickhouse")},
}
"""A page's name -> what its statements are written in; Snowflake's takes those of other pages."""
FOLLOWED = [page for page in PAGES if page != FIVETRAN and any(blocks(page, *RUN))]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every reader begins with."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


def is_output(block: Block) -> bool:
    """Whether it shows what one of the page's commands prints: a table of an account."""
    return block.text.startswith("Destination ")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_has_a_language_that_says_what_a_test_does_with_it(page: Path):
    assert [str(block) for block in blocks(page) if block.language not in {*RUN, *LOADED, *SHOWN}] == []


@pytest.mark.parametrize("page", FOLLOWED, ids=named)
def test_a_reader_who_types_what_the_page_says_gets_to_its_end(page: Path, prepared: Path, tmp_path: Path):
    with reading(prepared, tmp_path) as reader:
        done = reader.follow(script(page))

    assert done.returncode == 0, done.stderr[-3_000:]
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    assert [str(block) for block in blocks(page, "text") if is_output(block) and block.text not in printed] == []


@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks(page, "toml")], ids=str)
def test_every_configuration_is_one(block):
    parse_config(tomllib.loads(block.text), folder=ROOT, environ={})


@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks(page, "sql")], ids=str)
def test_every_statement_is_one_of_the_database_that_the_page_is_about(block):
    assert sqlglot.parse(block.text, dialect=GRAMMARS.get(block.page.stem, "snowflake"))


def test_other_files_are_well_formed():
    for page in PAGES:
        for block in blocks(page, "yaml", "json", "ini"):
            match block.language:
                case "yaml":
                    yaml.safe_load(block.text)
                case "json":
                    json.loads(block.text)
                case "ini":
                    configparser.ConfigParser(interpolation=None).read_string(block.text)


def test_the_page_on_fivetran_leads_from_a_new_connection_to_a_test_event(prepared: Path, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with reading(prepared, tmp_path) as reader, fivetran_api(port) as api:
        (tmp_path / "export.toml").write_text(next(blocks(FIVETRAN, "toml")).text)
        keys = {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET, "FIVETRAN_GROUP": GROUP}
        reader.environ.update(keys)
        typed = script(FIVETRAN).replace("https://api.fivetran.com", api.url)
        typed = typed.replace(
            "https://webhooks.fivetran.com/webhooks/...", f"http://127.0.0.1:{port}/webhooks/stand-in"
        )
        done = reader.follow(typed)

        assert done.returncode == 0, done.stderr
        assert [event["eventName"] for event in api.receivers[0].events()] == ["statsig_export_test_event"]


def test_terraform_and_the_rest_api_are_given_the_same_connection():
    rest = next(text for block in blocks(FIVETRAN, "sh") if (text := block.text).find("auth_method") > 0)
    config = json.loads(re.sub(r".*<<JSON\n(.*)\nJSON.*", r"\1", rest, flags=re.DOTALL))["config"]
    hcl = next(blocks(FIVETRAN, "hcl")).text
    literals = dict(re.findall(r"^ +(\w+) += \"(.*)\"$", hcl, re.MULTILINE))

    assert literals.pop("service") == "webhooks"
    assert literals.pop("name") == config.pop("schema")
    assert "var.webhook_secret" in hcl
    del config["auth_secret"]
    assert literals == config
