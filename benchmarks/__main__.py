"""`python -m benchmarks`: how fast the export is, how fast it could be, and how fast other ways to do it are.

    python -m benchmarks [--events 200000 1000000] [--databases postgresql sqlite] [--peers plain dlt bytewax]
    python -m benchmarks shards      a window in one go and in shards, by one process and by several
    python -m benchmarks processes   windows by one process, and side by side by several
    python -m benchmarks growth      how time and memory grow with rows, windows and the ledger; Dagster's share
    python -m benchmarks ledger-size how many bytes the ledger and the files take, by what they hold
    python -m benchmarks ledger-load how many batches a second the ledger takes from several processes
    python -m benchmarks outage      an outage of seconds, held against its simulation
    python -m benchmarks scale       what a million to a hundred billion events a day need, from these figures

The same rows go from a database to a sink on loopback: ours through partition files and ledger, peers their own way,
beside the raw read of the same rows and the floor, which is what such files, digests and requests cost alone. Each run
of these is a process of its own; they alternate, and the tables show medians. What was found is added to history.jsonl,
and held against the latest earlier run of the same kind.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import growth, history, ledger_load, ledger_size, outage_in_miniature, processes, scale, shards
from benchmarks.contest import Contest, Options
from benchmarks.figures import JSONB, POSTGRESQL, SQLITE, interleaved, lines, targets
from benchmarks.machine import machine
from benchmarks.peer_environments import PEERS, Peer, prepare, versions
from benchmarks.report import NAMES, as_json, say, show, tables, target_line
from benchmarks.source_data import source_databases

SIZES: Final = (200_000, 1_000_000)
NO_PEERS: Final = "none"
_OTHERS: Final[Mapping[str, Callable[[Sequence[str]], None]]] = {
    "growth": growth.main,
    "shards": shards.main,
    "processes": processes.main,
    "ledger-size": ledger_size.main,
    "ledger-load": ledger_load.main,
    "outage": outage_in_miniature.main,
    "scale": scale.main,
}


def main(arguments: Sequence[str]) -> None:
    if arguments and arguments[0] in _OTHERS:
        _OTHERS[arguments[0]](arguments[1:])
        return
    options = _options(arguments)
    peers, missing = _ready([PEERS[key] for key in options.peers if key != NO_PEERS])
    told = Options(options.concurrency, options.batch, options.latency_ms)
    facts = machine()
    contests: list[Contest] = []
    with tempfile.TemporaryDirectory(prefix="statsig-export-bench-", dir=options.home) as home:
        folder = Path(home)
        with source_databases(folder) as databases:
            for database in options.databases:
                for rows in options.events:
                    say(f"{database}: making {rows:,} rows")
                    source = databases.fill(database, rows)
                    contest = Contest(source, folder, told)
                    _hold(contest, options.rounds, [] if database == SQLITE else peers)
                    contest.close()
                    databases.drop(source)
                    contests.append(contest)
            facts["servers"] = databases.versions()
    facts["peers"] = {peer.key: versions(peer) for peer in peers}
    _report(contests, facts, options, missing)


def _hold(contest: Contest, rounds: int, peers: Sequence[Peer]) -> None:
    """Raw read, ours, the floor, raw read, ours ...; what is run once is spread over the rounds."""
    once: list[Callable[[], None]] = [contest.stages, contest.slow_webhook]
    once += [contest.privacy] * rounds
    once += [partial(contest.peer, peer) for peer in peers]
    for run in interleaved(rounds, [contest.raw_read, contest.end_to_end, contest.floor], once):
        run()
        last = contest.measurements[-1]
        say(f"{last.database}, {last.rows:,} rows: {last.name}, {last.seconds:.1f} s")


def _ready(peers: Sequence[Peer]) -> tuple[list[Peer], list[str]]:
    """The peers whose environments could be made, and a line for each of the others."""
    ready, missing = [], []
    for peer in peers:
        say(f"{peer.name}: its environment")
        reason = prepare(peer)
        if reason is None:
            ready.append(peer)
        else:
            missing.append(f"{peer.name} is not in the table, since it could not be installed: {reason}")
    return ready, missing


def _report(
    contests: Sequence[Contest], facts: dict[str, Any], options: argparse.Namespace, missing: Sequence[str]
) -> None:
    measurements = [measurement for contest in contests for measurement in contest.measurements]
    table = lines(measurements)
    found = {name: targets(table, name, options.latency_ms) for name in options.databases if name != SQLITE}
    sizes = {(contest.source.database, contest.source.rows): contest.event_bytes for contest in contests}
    about = (
        f"{facts['cores']} cores, {facts['processor']}, load {facts['load']} at the start; Python {facts['python']}; "
        f"batches of {options.batch:,}, {options.concurrency} senders, a sink on loopback; medians"
    )
    show([about, *tables(table, sizes), *missing])
    for database, of_database in found.items():
        show([f"{NAMES[database]}, targets:", *map(target_line, of_database)])
    added = history.entry(facts, table, found)
    changes = list(history.compared(history.entries(options.history), added))
    if changes:
        show(["Beside the latest earlier run of this kind:", *changes])
    history.append(options.history, added)
    if options.json:
        said = {name: value for name, value in vars(options).items() if name not in {"json", "home", "history"}}
        options.json.write_text(json.dumps(as_json(facts, said, measurements, table, found), indent=1) + "\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=SIZES, help="rows of the window")
    parser.add_argument("--databases", nargs="+", choices=(POSTGRESQL, JSONB, SQLITE), default=(POSTGRESQL, SQLITE))
    parser.add_argument("--rounds", type=int, default=3, help="runs of ours, of the floor and of the raw read")
    parser.add_argument("--peers", nargs="+", choices=(*PEERS, NO_PEERS), default=tuple(PEERS))
    parser.add_argument("--concurrency", type=int, default=Options().concurrency, help="requests in flight at once")
    parser.add_argument("--batch", type=int, default=Options().batch, help="events a request")
    parser.add_argument("--latency-ms", type=int, default=Options().latency_ms, help="of the slow webhook")
    parser.add_argument("--home", type=Path, help="where the data is made; a temporary folder unless it is named")
    parser.add_argument("--json", type=Path, help="also write everything here")
    parser.add_argument(
        "--history", type=Path, default=history.HISTORY, help="the runs before, and where this one goes"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
