"""An export in one process that never ends: it exports and ships by the library, again and again, until SIGTERM.

    python soak_looping.py EXPORT_TOML FILE_OF_ENDED_WINDOWS

What leaks a little with each call (connections, threads, Arrow's memory) shows in this process.
"""

import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from statsig_export import export_window, load_config, ship, window_from_key
from statsig_export.errors import StatsigExportError

AT_ONCE = 3
EVERY = 2.0
"""Seconds between two shipments."""


def loop(config_path: Path, windows: Path, over: threading.Event) -> None:
    config, newest = load_config(config_path), ""
    while not over.wait(EVERY):
        try:
            ended = windows.read_text().split()[-AT_ONCE:]
            if ended and ended[-1] != newest:
                for key in ended:
                    export_window(config, window_from_key(key, config.windows))
                newest = ended[-1]
            ship(config)
        except StatsigExportError as error:
            said = str(error).splitlines()[0]
            sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {type(error).__name__}: {said}\n")
            sys.stderr.flush()


def main() -> None:
    over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    signal.signal(signal.SIGTERM, end)
    loop(Path(sys.argv[1]), Path(sys.argv[2]), over)


if __name__ == "__main__":
    main()
