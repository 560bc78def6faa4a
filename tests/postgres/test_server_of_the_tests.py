"""The PostgreSQL server that tests and benchmarks start, where the machine makes it hard."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from statsig_export.testing import postgres

BARE_PATH = "/usr/local/bin:/usr/bin:/bin"
ASK = """\
import sys
from pathlib import Path
import psycopg
from statsig_export.testing.postgres import postgres_server
with postgres_server(Path(sys.argv[1])) as server, psycopg.connect(server.get_uri()) as connection:
    print(connection.execute("SELECT 'answered'").fetchone()[0])
"""
WITHOUT_THE_USER = """\
set -e
cp -a /etc "$1"
sed -i /^pgserver:/d "$1"/passwd "$1"/shadow "$1"/group "$1"/gshadow
mount --bind "$1" /etc
shift
exec "$@"
"""
"""As on a machine where no server ran before: in a mount namespace of its own, so that the machine keeps its users."""


def hidden_user(copy: Path) -> list[str]:
    """What runs a command where the user pgserver does not exist: nothing as another user than root, who needs none."""
    namespace = ["unshare", "--mount"]
    if os.geteuid() != 0 or subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
        return []
    return [*namespace, "sh", "-c", WITHOUT_THE_USER, "sh", str(copy)]


@pytest.mark.fault("F380")
def test_a_server_starts_for_root_whose_path_lacks_the_folders_of_system_programs(tmp_path: Path):
    command = [*hidden_user(tmp_path / "etc"), sys.executable, "-c", ASK, str(tmp_path / "lock")]
    environ = {"HOME": str(tmp_path), "PATH": BARE_PATH, "PYTHONPATH": str(Path(__file__).parents[2])}

    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "answered\n"), done.stderr


@pytest.mark.fault("F380")
def test_a_machine_that_cannot_make_the_servers_user_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def get_server(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "useradd")

    monkeypatch.setattr(postgres, "import_module", lambda _: SimpleNamespace(get_server=get_server))

    with pytest.raises(RuntimeError, match="make that user, or run this as a user who is not root"):
        postgres.postgres_server(tmp_path / "lock").__enter__()
