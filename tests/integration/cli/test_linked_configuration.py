"""export.toml as a symbolic link, as Kubernetes mounts a ConfigMap: relative paths start at the link."""

from pathlib import Path

import dagster as dg
import pytest
from home import ExportHome, toml
from rows import custom_event

from statsig_export.config import load_config
from statsig_export.dagster.component import StatsigExportComponent
from statsig_export.dagster.definitions import definitions_for

VERBS = ("--from", "2026-11-20", "--to", "2026-11-21")
SETTINGS = {"source": {"url": "env:DB"}, "webhook": {"url": "env:HOOK"}, "storage": {"url": "events"}}
LEDGER = {"ledger": {"url": "sqlite:///ledger.db"}}


def update(mount: Path, version: str) -> None:
    """What kubelet does with a new version of a ConfigMap: a new folder, to which `..data` is turned in one step."""
    data = mount / f"..{version}"
    data.mkdir(parents=True)
    (data / "export.toml").write_text(f"# {version}\n" + toml({**SETTINGS, **LEDGER}))
    (mount / "..new").symlink_to(data.name)
    (mount / "..new").replace(mount / "..data")
    if not (mount / "export.toml").is_symlink():
        (mount / "export.toml").symlink_to("..data/export.toml")


@pytest.fixture
def mount(home: ExportHome) -> Path:
    home.add([custom_event(key) for key in range(5)])
    update(home.folder / "mount", "2026_11_20")
    return home.folder / "mount"


def run(home: ExportHome, *words: str, **environ: str):
    return home.verb(*words, "run", *VERBS, **environ)


@pytest.mark.fault("F275")
@pytest.mark.parametrize("by_variable", [False, True])
def test_an_update_of_a_config_map_makes_no_new_ledger(home: ExportHome, mount: Path, by_variable):
    named = mount / "export.toml"
    first = run(home, "--config", str(named))
    update(mount, "2026_11_21")

    again = load_config(environ={"STATSIG_EXPORT_CONFIG": str(named)}) if by_variable else load_config(named)
    second = run(home, "--config", str(named))

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert len(home.receiver.events()) == 5
    assert again.storage_url() == str(mount / "events")
    assert list(mount.rglob("ledger.db")) == [mount / "ledger.db"]


@pytest.mark.fault("F275")
def test_the_current_folder_decides_nothing_but_where_a_relative_name_starts(
    home: ExportHome, mount: Path, monkeypatch: pytest.MonkeyPatch
):
    (home.folder / "alias").symlink_to("mount")
    monkeypatch.chdir(home.folder)

    configs = [load_config(name) for name in ("mount/export.toml", "alias/export.toml", "mount/../mount/export.toml")]

    places = {Path(str(config.ledger_url().database)).resolve() for config in configs}
    assert places == {(mount / "ledger.db").resolve()}


@pytest.mark.fault("F275")
def test_dagster_takes_the_folder_of_the_link_too(mount: Path):
    named = mount / "export.toml"
    (mount / "defs").mkdir()
    for definitions in (
        definitions_for(named),
        dg.build_defs_for_component(StatsigExportComponent(config=str(mount / "defs" / ".." / "export.toml"))),
    ):
        resource = definitions.get_repository_def().get_top_level_resources()["statsig_export"]
        path = resource.config_field.default_value["config_path"]
        assert Path(path).is_symlink()
        assert load_config(path).ledger_url().database == str(Path(path).parent / "ledger.db")


@pytest.mark.fault("F276")
def test_a_ledger_that_an_earlier_version_kept_beside_the_target_stops_every_verb_until_it_is_moved(
    home: ExportHome, mount: Path
):
    named, target = mount / "export.toml", mount / "..2026_11_20"
    assert run(home, "--config", str(target / "export.toml")).exit_code == 0

    for words in (["run", *VERBS], ["ship"], ["status"], ["plan", *VERBS], ["verify"]):
        refused = home.verb("--config", str(named), *words)
        assert refused.exit_code == 2, refused.output
        assert str(target / "ledger.db") in refused.stderr
        assert str(mount / "ledger.db") in refused.stderr
        assert "move it" in refused.stderr
    (target / "ledger.db").rename(mount / "ledger.db")
    half = home.verb("--config", str(named), "verify")
    (target / "events").rename(mount / "events")

    assert (half.exit_code, str(target / "events") in half.stderr) == (2, True), half.output
    assert run(home, "--config", str(named)).exit_code == 0
    assert len(home.receiver.events()) == 5


@pytest.mark.fault("F276")
def test_an_empty_file_beside_the_link_says_that_a_new_ledger_is_meant(home: ExportHome, mount: Path):
    run(home, "--config", str(mount / "..2026_11_20" / "export.toml"))
    (mount / "ledger.db").touch()
    (mount / "events").mkdir()

    assert run(home, "--config", str(mount / "export.toml")).exit_code == 0
    assert len(home.receiver.events()) == 10
