import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from dagster_folder import EXPORT_TOML, SECRET, Project

from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver


@pytest.fixture(scope="session")
def unused_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME in which nothing has run yet: to make its databases takes longer than to copy them."""
    home = tmp_path_factory.mktemp("unused") / "dagster_home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)):
        return home


@pytest.fixture
def dagster_instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """In memory, which takes half as long; on disk where processes or ticks are to find it by its home."""
    opened = dg.DagsterInstance.ephemeral
    if request.node.get_closest_marker("home_on_disk"):
        home = tmp_path / "dagster_home"
        shutil.copytree(request.getfixturevalue("unused_home"), home)
        opened = partial(dg.DagsterInstance.local_temp, str(home))
    with opened() as made:
        yield made


@pytest.fixture
def project(tmp_path: Path, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    with Receiver(auth=Authentication("hmac", secret=SECRET), strict_delivery=True) as receiver:
        made = Project(tmp_path, receiver, dagster_instance)
        made.config_path.write_text(EXPORT_TOML)
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        yield made
