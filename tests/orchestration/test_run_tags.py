"""Tags that a launcher reads (a queue, resources), from export.toml onto the runs of our jobs."""

import json

import pytest
from dagster_folder import DAYS, Project

from statsig_export.dagster.keys import MAX_RETRIES
from statsig_export.errors import ConfigError
from statsig_export.export.export import export_window
from statsig_export.windows import window_from_key

TAGS = """[dagster.run_tags.ship]
"dagster-celery/queue" = "ship"
[dagster.run_tags.export]
"dagster-celery/queue" = "exports"
"dagster-k8s/config" = { container_config = { resources = { limits = { memory = "2Gi" } } } }
"dagster/max_retries" = "7"
[webhook]"""


def test_ship_runs_and_exports_bear_the_tags_that_export_toml_gives_them_and_keep_our_own(project: Project):
    project.fill(DAYS[:1])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    project.configure("[webhook]", TAGS)
    jobs = {name: project.definitions().resolve_job_def(name) for name in ("export_events", "ship_batches")}

    assert jobs["ship_batches"].run_tags["dagster-celery/queue"] == "ship"
    exported = jobs["export_events"].run_tags
    assert (exported["dagster-celery/queue"], exported[MAX_RETRIES]) == ("exports", "2")
    assert json.loads(exported["dagster-k8s/config"])["container_config"]["resources"]["limits"] == {"memory": "2Gi"}
    assert project.definitions().resolve_job_def("replay_batches").run_tags["dagster-celery/queue"] == "ship"


def test_no_tag_of_ours_can_be_set(project: Project):
    project.configure("[webhook]", '[dagster.run_tags.ship]\n"statsig_export/destination" = "x"\n[webhook]')
    with pytest.raises(ConfigError, match="this library's own"):
        _ = project.config
