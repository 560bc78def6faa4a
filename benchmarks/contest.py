"""The contestants on one filled database: each run in processes of its own, against a sink of its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.content import first_difference
from benchmarks.figures import EXPORT, FLOOR, OURS, RAW_READ, SQLITE, UNDER_PRIVACY, WITH_LATENCY, Kind, Measurement
from benchmarks.peer_environments import Peer
from benchmarks.receiving import ROOT, Sink, running_sink
from benchmarks.source_data import DAY, FilledSource

_HERE: Final = Path(__file__).parent
_PROGRAMS: Final = _HERE / "programs"
_CONFIG: Final = """\
[source]
url = "env:STATSIG_DATABASE_URL"
[windows]
every = "{every}"
start = "{start}"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
max_events = {batch}
concurrency = {concurrency}
[storage]
url = "files"
[ledger]
url = "sqlite:///ledger.db"
"""
_PRIVACY: Final = """\
[privacy]
drop = ["user.ip", "user.userAgent", "metadata.page_url"]
hash = ["userID", {{ path = "user.email", normalize = "lower" }}]
hash_key = "env:BENCH_HASH_KEY"
"""
_NOWHERE: Final = "http://127.0.0.1:9/never-called"


@dataclass(frozen=True, slots=True)
class Options:
    """What all contestants are told."""

    concurrency: int = 24
    batch: int = 1_000
    latency_ms: int = 100


@dataclass(slots=True)
class Contest:
    """One database, one window of all its rows (`every` day) or several (`windows`)."""

    source: FilledSource
    folder: Path
    options: Options
    windows: Sequence[str] = (f"{DAY:%Y-%m-%d}",)
    every: str = "day"
    measurements: list[Measurement] = field(default_factory=list)
    event_bytes: float = 0.0
    """The mean size of the events that were sent."""
    _reference: Path | None = None
    _sent: int = 0

    def raw_read(self) -> None:
        """The limit: the same rows and columns, thrown away."""
        name = "sqlite_cursor.py" if self.source.database == SQLITE else "copy_out.py"
        figures = self._run(_PROGRAMS / name, self.folder)
        self._expect(figures["events"], self.source.rows, RAW_READ[self.source.database])
        self._note(RAW_READ[self.source.database], Kind.LIMIT, figures)

    def end_to_end(self) -> None:
        """Export and ship in one process. The first run's files are what peers are held against."""
        home = self._home()
        with running_sink() as sink:
            figures = self._run(_PROGRAMS / "end_to_end.py", home, sink)
            received = sink.stop()
        self._expect(received.events, figures["events"], OURS)
        self._note(OURS, Kind.OURS, figures)
        self.event_bytes = received.body_bytes / received.events
        if self._reference is None:
            self._reference, self._sent = home, received.events
        else:
            shutil.rmtree(home)

    def floor(self) -> None:
        """What reading, files, digests and requests cost alone, with the events of our first run."""
        home = self._home()
        with running_sink() as sink:
            figures = self._run(_PROGRAMS / "floor.py", home, sink)
            self._expect(sink.stop().events, self._sent, FLOOR)
        self._note(FLOOR, Kind.LIMIT, {**figures, "peak_mb": None})  # it holds events before the clock starts
        shutil.rmtree(home)

    def slow_webhook(self) -> None:
        """The same against a sink that takes its time for each answer."""
        home = self._home()
        with running_sink(self.options.latency_ms) as sink:
            figures = self._run(_PROGRAMS / "end_to_end.py", home, sink)
            self._expect(sink.stop().events, figures["events"], WITH_LATENCY)
        self._note(WITH_LATENCY, Kind.OURS, figures)
        shutil.rmtree(home)

    def stages(self) -> None:
        """Each stage alone, and the limit of shipping."""
        home = self._home()
        self._note("read alone", Kind.STAGE, self._run(_PROGRAMS / "read_source.py", home))
        figures = self._run(_PROGRAMS / "export_stages.py", home)
        self._note_stages("export", figures)
        with running_sink() as sink:
            self._note_stages("ship", self._run(_PROGRAMS / "ship_stages.py", home, sink))
            self._expect(sink.stop().events, figures["events"], "ship")
        with running_sink() as sink:
            self._note("raw POSTs of the same bytes", Kind.LIMIT, self._run(_PROGRAMS / "post_bodies.py", home, sink))
        shutil.rmtree(home)

    def privacy(self) -> None:
        """The export with and without [privacy], one after the other."""
        for name, config in ((EXPORT, _CONFIG), (UNDER_PRIVACY, _CONFIG + _PRIVACY)):
            home = self._home(config)
            self._note(name, Kind.STAGE, self._run(_PROGRAMS / "export.py", home))
            shutil.rmtree(home)

    def peer(self, peer: Peer) -> None:
        """Another way to do it; raises SystemExit unless it sent the events that we send."""
        folder = self._home()
        with running_sink() as sink:
            figures = self._run(peer.program, folder, sink, peer.python)
            self._expect(sink.stop().events, self._sent, peer.name)
            if self._reference is not None:
                difference = first_difference(sink.sample, self._reference / "files" / "events")
                if difference:
                    raise SystemExit(f"{peer.name} sent {difference}")
        self._note(peer.name, Kind.PEER, figures)
        shutil.rmtree(folder)

    def close(self) -> None:
        """Remove the files that the peers were held against."""
        if self._reference is not None:
            shutil.rmtree(self._reference)

    def _home(self, config: str = _CONFIG) -> Path:
        home = Path(tempfile.mkdtemp(dir=self.folder))
        told = {
            "every": self.every,
            "start": DAY.isoformat(),
            "batch": self.options.batch,
            "concurrency": self.options.concurrency,
        }
        (home / "export.toml").write_text(config.format(**told))
        return home

    def _run(
        self, program: Path, home: Path, sink: Sink | None = None, python: Path | str = sys.executable
    ) -> dict[str, Any]:
        start, end = self.source.bounds
        url = sink.url if sink else _NOWHERE
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT) if python == sys.executable else "",
            "STATSIG_DATABASE_URL": self.source.url,
            "FIVETRAN_WEBHOOK_URL": url,
            "BENCH_CONFIG": str(home / "export.toml"),
            "BENCH_HASH_KEY": "a key for nothing but the benchmark",
            "BENCH_WINDOWS": ",".join(self.windows),
            "BENCH_DATABASE": self.source.place,
            "BENCH_START": start,
            "BENCH_END": end,
            "BENCH_WEBHOOK_URL": url,
            "BENCH_REFERENCE": str((self._reference or home) / "files" / "events"),
            "BENCH_FOLDER": str(home),
            "BENCH_BATCH": str(self.options.batch),
            "BENCH_CONCURRENCY": str(self.options.concurrency),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DLT_DATA_DIR": str(home),
        }
        report = home / "report.json"
        command = [str(python), str(_HERE / "probe.py"), str(program), str(report)]
        done = subprocess.run(command, env=environ, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{program.name} failed:\n{done.stderr[-4_000:]}")
        figures: dict[str, Any] = json.loads(report.read_text())
        return figures

    def _note(self, name: str, kind: Kind, figures: Mapping[str, Any]) -> None:
        measurement = Measurement(
            database=self.source.database,
            rows=self.source.rows,
            name=name,
            kind=kind,
            seconds=figures["seconds"],
            cpu_seconds=figures["cpu_seconds"],
            peak_mb=figures.get("peak_mb"),
            imports_mb=figures.get("imports_mb"),
        )
        self.measurements.append(measurement)

    def _note_stages(self, name: str, figures: Mapping[str, Any]) -> None:
        self._note(f"{name} alone", Kind.STAGE, figures)
        for stage, part in figures["parts"].items():
            self._note(f"  {name}: {stage}", Kind.STAGE, part)

    def _expect(self, found: int, wanted: int, name: str) -> None:
        if found != wanted:
            raise SystemExit(f"{name}: {found:,} events, {wanted:,} were expected")
