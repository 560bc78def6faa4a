"""Whether the schedules and sensors start by themselves: with `[dagster] automation = true`, else they do not.

Dagster takes this default for each of them as long as nobody has switched it on or off in the UI.
"""

import logging
from functools import cache

import dagster as dg

from statsig_export.config import Config

OFF = (
    "statsig_export: nothing is exported or shipped by itself here. Its schedules and sensors are off, unless you "
    "switch them on in the UI (Automation) or set [dagster] automation = true in export.toml"
)


@cache
def say_that_it_is_off() -> None:
    """In the log of the code location, once: a process may load the definitions several times. A code server shows no
    line that is less than a warning.
    """
    logging.getLogger("dagster.statsig_export").warning(OFF)


def sensor_status(config: Config) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if config.dagster.automation else dg.DefaultSensorStatus.STOPPED


def schedule_status(config: Config) -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if config.dagster.automation else dg.DefaultScheduleStatus.STOPPED
