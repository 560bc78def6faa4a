"""The files of deploy/ by themselves: pinned, hardened, without a secret, and named by the page about them.

`docker compose config` is not on the machines of the tests, so compose.yaml is held against the keys of the Compose
Specification that it uses; the Dockerfile against rules as hadolint has them.
"""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from compose_file import FOLDER, binds, document, interpolated
from dagster_processes import ROOT

from statsig_export.config import parse_config

SECRETS = {"POSTGRES_PASSWORD": "p", "STATSIG_DATABASE_URL": "sqlite://", "FIVETRAN_WEBHOOK_SECRET": "s"}
OF_A_SERVICE = {
    *(
        "build",
        "cap_drop",
        "command",
        "depends_on",
        "env_file",
        "environment",
        "healthcheck",
        "image",
        "init",
        "network_mode",
    ),
    *("ports", "profiles", "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs", "volumes"),
}
OF_A_CHECK = {"test", "interval", "timeout", "start_period", "retries"}
DURATION = re.compile(r"(\d+(h|m|s|ms|us))+")


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, its arguments), continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (FOLDER / "Dockerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def arguments(instruction: str) -> list[str]:
    return [rest for word, rest in dockerfile() if word == instruction]


@pytest.mark.fault("F550")
def test_the_compose_file_says_only_what_the_specification_knows():
    compose = document()
    services = compose["services"]

    assert {key for key in compose if not key.startswith("x-")} == {"name", "services", "volumes"}
    for name, service in services.items():
        assert set(service) <= OF_A_SERVICE, name
        check = service["healthcheck"]
        assert set(check) <= OF_A_CHECK
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert all(DURATION.fullmatch(check[key]) for key in ("interval", "timeout", "start_period") if key in check)
        assert set(service.get("depends_on", ())) <= set(services)
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("./") or source in compose["volumes"]
        assert all(source.is_file() for source, _ in binds(service))
        needs = service.get("network_mode", "service:code").removeprefix("service:")
        assert needs in services


@pytest.mark.fault("F550")
def test_the_compose_file_pins_its_images_publishes_nothing_beyond_the_machine_and_holds_no_secret():
    services = document()["services"]

    for name, service in services.items():
        assert re.search(r":(local|\d[\w.-]+)$", service["image"]), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        for variable, value in service["environment"].items():
            if re.search("PASSWORD|SECRET|URL", variable):
                assert re.match(r"\$\{|postgresql\+psycopg://statsig_export:\$\{POSTGRES_PASSWORD\}@", value), variable
        if name != "postgres":
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    for name in SECRETS:
        with pytest.raises(KeyError, match=f"set {name} in deploy/.env"):
            interpolated(services, {key: value for key, value in SECRETS.items() if key != name})
    example = (FOLDER / "compose" / "example.env").read_text().splitlines()
    assert set(SECRETS) <= {line.removesuffix("=") for line in example if not line.startswith("#")}


@pytest.mark.fault("F550")
def test_a_service_waits_for_those_that_it_needs_until_they_are_healthy():
    services = document()["services"]

    for name in ("code", "webserver", "daemon"):
        assert services[name]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    for name in ("webserver", "daemon"):
        assert services[name]["depends_on"]["code"] == {"condition": "service_healthy"}
    assert "-h" in services["postgres"]["healthcheck"]["test"]  # not yet ready while it only has its socket


@pytest.mark.fault("F691")
def test_a_busy_machine_has_minutes_to_start_each_service_and_one_slow_answer_is_no_failure():
    checks = {name: service["healthcheck"] for name, service in document()["services"].items()}
    assert {name for name, check in checks.items() if seconds(check.get("start_period", "0s")) < 300} == set()
    assert min(check["retries"] for check in checks.values()) > 1

    (of_the_image,) = arguments("HEALTHCHECK")
    options = dict(re.findall(r"--([\w-]+)=(\w+)", of_the_image))
    assert seconds(options["start-period"]) >= 300
    assert int(options["retries"]) > 1


def seconds(duration: str) -> int:
    assert duration[-1] in "ms"
    return int(duration[:-1]) * (60 if duration.endswith("m") else 1)


@pytest.mark.fault("F634")
def test_every_volume_of_the_image_is_on_a_folder_that_the_image_has_made_for_its_user():
    (made,) = re.findall(r"install -d -o export -g export [^&]*", " ".join(arguments("RUN")))
    compose = document()
    targets = {
        volume.split(":")[1]
        for service in compose["services"].values()
        if service["image"] == "statsig-export:local"
        for volume in service.get("volumes", ())
        if volume.split(":")[0] in compose["volumes"]
    }

    assert targets == {"/opt/dagster/storage", "/var/lib/statsig-export"}
    assert targets <= set(made.split())


@pytest.mark.fault("F635")
def test_who_shares_the_network_of_a_service_is_started_anew_with_it():
    for service in document()["services"].values():
        if "network_mode" in service:
            shared = service["network_mode"].removeprefix("service:")
            assert service["depends_on"][shared]["restart"] is True
            assert service["restart"] == "unless-stopped"


def test_the_configuration_of_the_kit_is_one_and_every_variable_of_it_is_given_to_the_code_location(tmp_path: Path):
    loaded = tomllib.loads((FOLDER / "compose" / "export.toml").read_text("utf-8"))
    environ = interpolated(document()["services"]["code"]["environment"], SECRETS)
    config = parse_config(loaded, folder=tmp_path, environ=environ)

    assert config.webhook_url() == "http://127.0.0.1:8787/webhooks/stand-in"
    assert (config.ledger_url().host, config.ledger_url().database) == ("postgres", "ledger")
    assert config.storage_url() == "/var/lib/statsig-export/events"
    assert config.dagster.automation


@pytest.mark.fault("F669")
def test_every_line_of_the_file_of_secrets_reaches_the_code_location_and_no_other_service():
    services = document()["services"]

    assert {name: service["env_file"] for name, service in services.items() if "env_file" in service} == {
        "code": [".env"]
    }


@pytest.mark.fault("F668")
def test_a_container_that_is_run_by_the_page_keeps_its_memory_and_has_an_init():
    page = (ROOT / "docs" / "how-to" / "deploy.md").read_text("utf-8")
    (run,) = re.findall(r"^docker run ((?:.*\\\n)*.*)$", page, re.MULTILINE)
    (folder,) = {rest for word, rest in dockerfile() if word == "WORKDIR" and rest.startswith("/var")}

    assert f"-v statsig-export:{folder} " in run
    assert "--init" in run.split()


@pytest.mark.fault("F551")
def test_the_image_is_pinned_by_version_and_hash_and_runs_as_nobody_of_the_machine():
    (python,) = arguments("ARG")
    version = python.removeprefix("PYTHON=").split("-")[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    classifier = f"Programming Language :: Python :: {version.rpartition('.')[0]}"

    assert re.fullmatch(r"PYTHON=\d+\.\d+\.\d+-slim-\w+", python)
    assert classifier in project["project"]["classifiers"]
    assert {source.split(" ")[0] for source in arguments("FROM")} == {"python:${PYTHON}"}
    assert arguments("ADD") == []
    commands = [command for run in arguments("RUN") for command in run.split("&&")]
    assert all("--require-hashes" in command for command in commands if "pip install" in command)
    assert all(
        "--locked" in command and "--no-default-groups" in command for command in commands if "uv sync" in command
    )
    last_stage = dockerfile()[max(place for place, (word, _) in enumerate(dockerfile()) if word == "FROM") :]
    words = [word for word, _ in last_stage]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", dict(last_stage)["USER"])
    assert words.index("USER") > words.index("RUN")
    assert [rest for word, rest in last_stage if word == "COPY"] == ["--from=build /app/.venv /app/.venv"]
    assert arguments("CMD")[-1].startswith("[")
    assert "CMD [" in arguments("HEALTHCHECK")[0]
    assert not re.search(r"(?i)(password|secret|token|_key)", " ".join((*arguments("ENV"), *arguments("ARG"))))


@pytest.mark.fault("F551")
def test_nothing_but_what_the_image_is_made_of_is_sent_to_its_build():
    ignored = [
        line
        for line in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    sources = [source for copy in arguments("COPY") if not copy.startswith("--from") for source in copy.split()[:-1]]

    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources)
    assert all((ROOT / source).exists() for source in sources)


@pytest.mark.fault("F551")
def test_systemd_takes_the_units_and_finds_little_that_they_expose(tmp_path: Path):
    units = [FOLDER / "systemd" / f"statsig-export.{kind}" for kind in ("service", "timer")]
    for unit in units:  # the program is not on this machine
        text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={shutil.which('true')}", unit.read_text("utf-8"))
        (tmp_path / unit.name).write_text(text)
    service = units[0].read_text("utf-8")

    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "StateDirectory="):
        assert line in service
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not on this machine: its own words on the units are read where it is")
    files = [str(tmp_path / unit.name) for unit in units]
    verified = subprocess.run([analyze, "verify", *files], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    security = [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", files[0]]
    exposed = subprocess.run(security, capture_output=True, text=True, check=False)
    assert exposed.returncode == 0, exposed.stdout[-300:]


def test_the_page_about_deployment_names_every_file_of_the_kit():
    page = (ROOT / "docs" / "how-to" / "deploy.md").read_text("utf-8")
    files = [
        path.relative_to(ROOT)
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file() and path.relative_to(FOLDER).parts[0] not in {"dbt", "metrics"} and path.name != ".env"
    ]

    assert [str(path) for path in files if f"../../{path}" not in page] == []
