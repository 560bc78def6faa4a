"""history.jsonl: a line for each run of `make bench`, so that a fall shows.

A run is held against the latest earlier one of the same processor, cores, database and rows, by ratios to what was
measured beside it: the floor, the raw read and the peers were as slow or as fast that day.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import OURS, Line, Target

HISTORY: Final = Path(__file__).with_name("history.jsonl")
FALL: Final = 1.1
"""A ratio that is so many times the earlier one is a fall; less is chance."""
_SAME: Final = ("cores", "processor")
_RATIOS: Final = {"to_floor": "x the floor", "to_raw_read": "x the raw read"}


def entry(facts: Mapping[str, Any], table: Iterable[Line], found: Mapping[str, Sequence[Target]]) -> dict[str, Any]:
    """What is kept of a run: the machine and its versions, the medians, and what the targets came to."""
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d}",
        **facts,
        "lines": [
            {
                "database": line.database,
                "rows": line.rows,
                "name": line.name,
                "seconds": round(line.seconds, 3),
                "cpu_us_per_event": round(line.cpu_us_per_event, 2),
                "peak_mb": line.peak_mb,
                **{ratio: _rounded(getattr(line, ratio)) for ratio in _RATIOS},
            }
            for line in table
        ],
        "targets": {
            database: {target.says: _rounded(target.measured) for target in of_database}
            for database, of_database in found.items()
        },
    }


def entries(path: Path) -> list[dict[str, Any]]:
    """Oldest first; none where there is no file yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def append(path: Path, added: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(added) + "\n")


def compared(before: Sequence[Mapping[str, Any]], now: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each figure of ours that an earlier run has too."""
    alike = [run for run in before if all(run.get(name) == now.get(name) for name in _SAME)]
    for line in _ours(now):
        pairs = ((run, one) for run in reversed(alike) for one in _ours(run) if _key(one) == _key(line))
        run, earlier = next(pairs, (None, None))
        if run is None or earlier is None:
            continue
        for ratio, words in _RATIOS.items():
            if line[ratio] and earlier[ratio]:
                verdict = "FELL  " if line[ratio] > FALL * earlier[ratio] else "      "
                yield (
                    f"{verdict}{line['database']}, {line['rows']:,} rows: {line[ratio]:.2f} {words}, "
                    f"{earlier[ratio]:.2f} on {run['at']} ({run['commit']})"
                )


def _ours(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [line for line in run["lines"] if line["name"] == OURS]


def _key(line: Mapping[str, Any]) -> tuple[str, int]:
    return line["database"], line["rows"]


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 3)
