"""What arrived, as a frame for a notebook: the latest comparison of each batch."""

from collections.abc import Iterable

import pandas as pd

from statsig_export.config import Config
from statsig_export.ledger.arrivals import BatchLine, batch_lines
from statsig_export.ledger.records import Selection
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.moments import Moment

_MOMENTS = ("began", "ended", "landed", "checked")
_TYPES = dict.fromkeys(("category", "window", "batch_id"), "str") | dict.fromkeys(
    ("rows", "arrived", "missing", "not_yet", "repeated_replay", "repeated_unknown", "repeated_other"), "int64"
)


def arrivals(
    config: Config, start: Moment | None = None, end: Moment | None = None, categories: Iterable[str] | None = None
) -> pd.DataFrame:
    """What the latest comparisons found of each delivered batch of the windows that start in [start, end), oldest
    first. Reads the ledger alone: `statsig-export arrivals` compares.

    Columns: category, window, batch_id (str); rows, arrived, missing, not_yet, and among the arrived repeated_replay,
    repeated_unknown, repeated_other (int64, events); began and ended (of the first and the last attempt that may have
    brought them there), landed (when the last of those that arrived was first there, by the table's clock; NaT where
    that is not known) and checked (datetime64, UTC). Raises ConfigError for what is no time or category, LedgerError.
    """
    selection = Selection.between(config.webhook.name, start, end, categories)
    with ledger_to_read(config) as ledger:
        lines = [] if ledger is None else batch_lines(ledger.database, selection)
    frame = pd.DataFrame(lines, columns=list(BatchLine._fields))
    times = {name: pd.to_datetime(frame[f"{name}_ms"].astype("Int64"), unit="ms", utc=True) for name in _MOMENTS}
    return frame.drop(columns=[f"{name}_ms" for name in _MOMENTS]).astype(_TYPES).assign(**times)
