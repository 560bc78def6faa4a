"""The files of deploy/ for Dagster's launchers, held against what the launchers and the Kubernetes client take."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes
import pytest
import yaml
from cluster import DEPLOY, ROOT
from dagster._config import process_config
from dagster._core.instance.ref import InstanceRef  # what reads dagster.yaml
from dagster_celery.executor import celery_executor
from dagster_celery.launcher import CeleryRunLauncher
from dagster_docker import DockerRunLauncher
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, UserDefinedDagsterK8sConfig, construct_dagster_k8s_job
from dagster_postgres import DagsterPostgresStorage
from home import toml

from statsig_export.config import load_config

LAUNCHERS = {"celery": CeleryRunLauncher, "docker": DockerRunLauncher, "k8s": K8sRunLauncher}
VARIABLES = {
    "DAGSTER_PG_HOST": "db",
    "DAGSTER_PG_USERNAME": "dagster",
    "DAGSTER_PG_PASSWORD": "p",
    "DAGSTER_PG_DB": "dagster",
    "CELERY_BROKER_URL": "redis://broker:6379/0",
    "CELERY_RESULT_URL": "redis://broker:6379/1",
    "STATSIG_EXPORT_IMAGE": "registry.example/statsig-export:0.1.0",
    "DOCKER_NETWORK": "dagster",
}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return found


def merged(engine: str) -> dict[str, Any]:
    """As the comment at the top of a fragment says."""
    return {**read("dagster-postgres.yaml"), **read(f"dagster-{engine}.yaml")}


def accepted(instance: dict[str, Any], folder: Path) -> InstanceRef:
    """A dagster.yaml that Dagster takes, with the configuration of what it names."""
    (folder / "dagster.yaml").write_text(yaml.safe_dump(instance))
    ref = InstanceRef.from_dir(str(folder))
    assert ref.run_launcher_data is not None
    for data, kind in ((ref.run_launcher_data, _class_of(ref)), (ref.storage_data, DagsterPostgresStorage)):
        assert data is not None
        said = process_config(kind.config_type(), data.config_dict)
        assert said.success, said.errors
    return ref


def _class_of(ref: InstanceRef) -> Any:  # noqa: ANN401  a class of the launcher's package
    assert ref.run_launcher_data is not None
    return {kind.__name__: kind for kind in LAUNCHERS.values()}[ref.run_launcher_data.class_name]


@pytest.mark.fault("F591")
@pytest.mark.parametrize("engine", LAUNCHERS)
def test_dagster_takes_the_fragment_in_the_file_for_postgresql(engine: str, tmp_path: Path):
    ref = accepted(merged(engine), tmp_path)
    settings = ref.settings

    assert _class_of(ref) is LAUNCHERS[engine]
    assert settings["run_monitoring"]["enabled"] is True  # else a second worker of a run ends the first
    assert settings["run_monitoring"]["start_timeout_seconds"] >= 600
    assert settings["concurrency"]["pools"]["granularity"] == "run"
    assert settings["run_retries"]["enabled"] is True


@pytest.mark.fault("F591", "F592")
def test_launcher_and_workers_of_celery_agree_and_no_live_run_outlasts_what_the_broker_allows(tmp_path: Path):
    ref = accepted(merged("celery"), tmp_path)
    assert ref.run_launcher_data is not None
    launcher = ref.run_launcher_data.rehydrate(as_type=CeleryRunLauncher)
    worker = read("celery-worker.yaml")["execution"]["config"]
    said = process_config(celery_executor.config_schema.config_type, worker)
    assert said.success, said.errors

    conf = launcher.celery.conf
    assert conf.broker_transport_options["visibility_timeout"] == 28_800
    assert worker["config_source"]["broker_transport_options"]["visibility_timeout"] == 28_800
    assert ref.settings["run_monitoring"]["max_runtime_seconds"] + 3_600 < 28_800
    assert conf.result_backend == VARIABLES["CELERY_RESULT_URL"]  # rpc:// tells the daemon nothing
    assert (launcher.default_queue, worker["config_source"]["worker_prefetch_multiplier"]) == ("exports", 1)
    assert worker["config_source"]["task_acks_late"] is True


def kubeconfig(folder: Path) -> str:
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(made))
    return str(folder / "kubeconfig")


def job_of(launcher_config: dict[str, Any], tags: dict[str, str], folder: Path) -> Any:  # noqa: ANN401
    """The Kubernetes job that the launcher would ask for, as the client's own models."""
    config = {**launcher_config, "load_incluster_config": False, "kubeconfig_file": kubeconfig(folder)}
    processed = process_config(K8sRunLauncher.config_type(), config)
    assert processed.success, processed.errors
    launcher = K8sRunLauncher(**processed.value)  # type: ignore[arg-type]
    context = launcher.get_container_context_for_run(dg.DagsterRun("ship_batches", "0" * 32, tags=tags))
    assert isinstance(context, K8sContainerContext)
    job_config: DagsterK8sJobConfig = context.get_k8s_job_config("registry.example/x:1", launcher)
    return construct_dagster_k8s_job(
        job_config, ["dagster", "api", "execute_run"], "a-run", user_defined_k8s_config=context.run_k8s_config
    )


def whole(job: Any) -> dict[str, Any]:  # noqa: ANN401
    """As it goes over the wire; each key is one that the client's models know."""
    found: dict[str, Any] = kubernetes.client.ApiClient().sanitize_for_serialization(job)
    return found


SHIP_POD = {"container_config": {"resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "512Mi"}}}}


@pytest.mark.fault("F591")
def test_a_pod_is_made_once_with_its_limits_and_a_ship_run_may_ask_for_less(tmp_path: Path):
    (tmp_path / "export.toml").write_text(
        toml(
            {
                "source": {"url": "env:DB"},
                "webhook": {"url": "env:HOOK"},
                "dagster.run_tags.ship": {"dagster-k8s/config": SHIP_POD},
            }
        )
    )
    tags = load_config(tmp_path / "export.toml", environ={}).dagster.run_tags.of_shipments()
    asked = UserDefinedDagsterK8sConfig.from_dict(json.loads(tags["dagster-k8s/config"]))
    launcher = read("dagster-k8s.yaml")["run_launcher"]["config"]
    export, ship = (whole(job_of(launcher, given, tmp_path))["spec"] for given in ({}, tags))

    assert asked.container_config["resources"]["limits"]["memory"] == "512Mi"
    for spec, memory in ((export, "2Gi"), (ship, "512Mi")):
        (container,) = spec["template"]["spec"]["containers"]
        assert container["resources"]["limits"] == {"memory": memory}
        assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")
        assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 60
        assert {source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source} == {
            "statsig-export"
        }


def rendered(values: dict[str, Any]) -> dict[str, Any]:
    """dagster.yaml as the chart makes it of these values: written by hand from its documentation, since no chart and no
    helm can be had from a package registry.
    """
    database, launcher = values["postgresql"], values["runLauncher"]["config"]["k8sRunLauncher"]
    monitoring, retries = values["dagsterDaemon"]["runMonitoring"], values["dagsterDaemon"]["runRetries"]
    snake = {
        "containerConfig": "container_config",
        "podSpecConfig": "pod_spec_config",
        "jobSpecConfig": "job_spec_config",
    }
    storage = {
        "username": database["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": database["postgresqlHost"],
        "db_name": database["postgresqlDatabase"],
        "port": database["service"]["port"],
        "scheme": database["postgresqlScheme"],
    }
    return {
        "storage": {"postgres": {"postgres_db": storage}},
        "run_coordinator": {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator", "config": {}},
        "run_launcher": {
            "module": "dagster_k8s",
            "class": values["runLauncher"]["type"],
            "config": {
                "load_incluster_config": True,
                "job_namespace": "default",
                "image_pull_policy": launcher["imagePullPolicy"],
                "service_account_name": "dagster",
                "dagster_home": values["global"]["dagsterHome"],
                "instance_config_map": "dagster-instance",
                "postgres_password_secret": values["global"]["postgresqlSecretName"],
                "run_k8s_config": {snake[key]: value for key, value in launcher["runK8sConfig"].items()},
            },
        },
        "run_monitoring": {
            "enabled": monitoring["enabled"],
            "start_timeout_seconds": monitoring["startTimeoutSeconds"],
            "cancel_timeout_seconds": monitoring["cancelTimeoutSeconds"],
            "max_resume_run_attempts": monitoring["maxResumeRunAttempts"],
            "poll_interval_seconds": monitoring["pollIntervalSeconds"],
            "free_slots_after_run_end_seconds": monitoring["freeSlotsAfterRunEndSeconds"],
        },
        "run_retries": {"enabled": retries["enabled"], "max_retries": retries["maxRetries"]},
        "telemetry": values["telemetry"],
        "retention": {
            kind: {"purge_after_days": values["retention"][kind]["purgeAfterDays"]} for kind in ("sensor", "schedule")
        },
        **values["additionalInstanceConfig"],
    }


@pytest.mark.fault("F591")
def test_the_values_for_dagsters_chart_come_to_an_instance_and_pods_that_are_taken(tmp_path: Path):
    values = read("helm/values.yaml")
    instance = rendered(values)
    ref = accepted(instance, tmp_path)

    assert ref.settings["run_monitoring"]["start_timeout_seconds"] == 1_800
    assert ref.settings["concurrency"] == read("dagster-celery.yaml")["concurrency"]
    assert ref.storage_data is not None
    assert ref.storage_data.config_dict["postgres_db"]["scheme"] == "postgresql+psycopg2"
    spec = whole(job_of(instance["run_launcher"]["config"], {}, tmp_path))["spec"]
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 86_400)
    (container,) = spec["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}


@pytest.mark.fault("F591")
def test_each_part_of_a_pod_in_the_values_is_one_that_kubernetes_knows():
    client = kubernetes.client.ApiClient()
    (deployment,) = read("helm/values.yaml")["dagster-user-deployments"]["deployments"]
    launcher = read("helm/values.yaml")["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    parts = [
        (deployment["resources"], "V1ResourceRequirements"),
        (deployment["volumes"][0], "V1Volume"),
        (deployment["volumeMounts"][0], "V1VolumeMount"),
        (deployment["envSecrets"][0], "V1SecretEnvSource"),
        (launcher["containerConfig"]["resources"], "V1ResourceRequirements"),
        ({"containers": [], **launcher["podSpecConfig"]}, "V1PodSpec"),
        ({"template": {}, **launcher["jobSpecConfig"]}, "V1JobSpec"),
    ]
    for part, kind in parts:
        model = client._ApiClient__deserialize(part, kind)  # what an answer of the server is read by
        assert client.sanitize_for_serialization(model) == part, kind


def test_the_module_that_the_values_name_is_a_code_location():
    (deployment,) = read("helm/values.yaml")["dagster-user-deployments"]["deployments"]
    assert deployment["dagsterApiGrpcArgs"] == ["-m", "statsig_export.dagster.definitions"]
    assert (ROOT / "statsig_export/dagster/definitions.py").exists()
