"""The whole of Dagster: `dagster dev` with its daemon, its web server and runs as processes, used as the UI uses it."""

import os
from collections import Counter

import pytest
from dagster_folder import DAYS, Project
from dagster_processes import backfill, dagster_dev, ended, environment, wait_for

from statsig_export.demo.dagster_stage import INSTANCE_SETTINGS

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.home_on_disk,
    # The browser's tests ask for a backfill, too.
    pytest.mark.skipif(
        "STATSIG_EXPORT_LONG" not in os.environ, reason="waits for minutes: STATSIG_EXPORT_LONG=1 runs it"
    ),
]

PARTITIONS = """{
  assetNodes { assetKey { path } partitionStats { numMaterialized } }
}"""


@pytest.mark.fault("F60")
def test_backfills_from_the_ui_are_one_run_or_many_and_the_sensor_ships_what_they_plan(project: Project):
    project.fill(DAYS[:3])
    project.keep_schedule_quiet()
    project.configure("[webhook]", "[dagster]\nautomation = true\nmax_windows_a_run = 2\n[webhook]")
    home, log = project.folder / "dev_home", project.folder / "dev.log"
    home.mkdir()
    (home / "dagster.yaml").write_text(INSTANCE_SETTINGS)

    with dagster_dev(environment(home, project.config_path), log) as (dev, running):
        wait_for(dev.ready, running, log)
        one = [{"key": "dagster/backfill", "value": backfill(dev, "custom_event", DAYS[:2])}]
        many = [{"key": "dagster/backfill", "value": backfill(dev, "gate_exposure", DAYS[:3])}]
        wait_for(lambda: len(ended(dev, tags=one)) == 1, running, log)
        wait_for(lambda: len(ended(dev, tags=many)) == 2, running, log)
        wait_for(lambda: len(project.receiver.events()) == 2 * 2 + 3 * 3, running, log)
        ships = wait_for(lambda: ended(dev, pipelineName="ship_batches"), running, log)
        exports = [*ended(dev, tags=one), *ended(dev, tags=many)]
        nodes = dev.ask(PARTITIONS)["assetNodes"]

    assert {tags["statsig_export/export_run"] for tags in ships} == {tags["id"] for tags in exports}
    assert set(Counter(event["timeUUID"] for event in project.receiver.events()).values()) == {1}
    counts = {"/".join(node["assetKey"]["path"]): node["partitionStats"] for node in nodes}
    assert counts["statsig/events"] == {"numMaterialized": 5}
    assert counts["fivetran/statsig_events"] == {"numMaterialized": 5}
