"""One stage of one window in this process; its time, CPU and peak memory as one JSON object on standard output.

`python -m benchmarks.stage export|ship CONFIG WINDOW`
"""

import json
import os
import sys
from pathlib import Path

from benchmarks.probe import measured
from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import load_config
from statsig_export.export.export import export_window
from statsig_export.shipping.ship import ship
from statsig_export.windows import window_from_key


def main(stage: str, config_path: str, window_key: str) -> None:
    prefer_jemalloc(os.environ)  # as the command line and Dagster do
    config = load_config(Path(config_path))

    def work() -> int:
        if stage == "export":
            return export_window(config, window_from_key(window_key, config.windows)).account.pending
        return ship(config).sent

    sys.stdout.write(json.dumps(measured(work)))


if __name__ == "__main__":
    main(*sys.argv[1:])
