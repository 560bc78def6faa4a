import shutil
from collections.abc import Iterator
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
def project(tmp_path: Path, unused_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    home = tmp_path / "dagster_home"
    shutil.copytree(unused_home, home)
    authentication = Authentication("hmac", secret=SECRET)
    with (
        Receiver(auth=authentication, strict_delivery=True) as receiver,
        dg.DagsterInstance.local_temp(str(home)) as instance,
    ):
        made = Project(tmp_path, receiver, instance)
        made.config_path.write_text(EXPORT_TOML)
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        yield made
