"""The fuzz itself: after each answer that may be anything, an ordinary request by the same client must get its own."""

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from typing import Final

from fuzz.answers import MARKER, End, Kind, Made, make
from statsig_export.delivery.rules import Failure, Reply
from statsig_export.settings import AuthSettings
from statsig_export.shipping.destination import Destination
from statsig_export.shipping.webhook import Webhook
from statsig_export.testing.webhook.http_wire import read_exactly, read_head, reset

_BODY: Final = b'[{"eventName":"fuzz"}]'
_TIMEOUT: Final = 2.0
"""Seconds for one request; no answer is waited for that long, since the server ends what it leaves open."""
_PATIENCE: Final = 0.05
"""Seconds that the server waits for another request on a connection after an answer of the fuzz."""
_MOMENT: Final = 0.005
"""Seconds between interim answers and a final one that comes later."""
_ORDINARY: Final = 500_000_000
"""Markers of ordinary answers begin here."""
_TRIES: Final = 5
_SHOWN: Final = 20


@dataclass(slots=True)
class Report:
    """What came of it."""

    seed: int
    answers: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """Kind, and the class of the status or the failure's outcome -> how often."""
    raised: int = 0
    mistaken: int = 0
    """Answers taken for another status than the one they plainly had."""
    desynced: int = 0
    """Ordinary requests that were given another answer than their own."""
    again: int = 0
    """Ordinary requests that met a connection just closed, and were made again."""
    problems: list[str] = field(default_factory=list)
    seconds: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def clean(self) -> bool:
        return not (self.raised or self.mistaken or self.desynced or self.problems)

    def take_note(self, kind: Kind, answer: Reply | Failure) -> None:
        word = f"{answer.status // 100}xx" if isinstance(answer, Reply) else str(answer.outcome)
        with self._lock:
            self.answers += 1
            self.outcomes[f"{kind} {word}"] += 1

    def count(self, name: str, number: int, problem: str = "") -> None:
        """One more of `raised`, `mistaken`, `desynced` or `again`."""
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)
            if problem and len(self.problems) < _SHOWN:
                self.problems.append(f"seed {self.seed}, answer {number}: {name}: {problem}")

    def lines(self) -> Iterator[tuple[str, str]]:
        yield "seed", str(self.seed)
        yield "answers", f"{self.answers:,}"
        for name, times in sorted(self.outcomes.items()):
            yield f"  {name}", f"{times:,}"
        for name in ("raised", "mistaken", "desynced", "again"):
            yield name, f"{getattr(self, name):,}"
        yield "seconds", f"{self.seconds:.0f}"


def fuzz(answers: int, seed: int, workers: int = 4) -> Report:
    """Post to a server that answers anything, `answers` times, from as many threads as a ship run might have."""
    report = Report(seed)
    began = time.monotonic()
    with _server(seed) as port, ThreadPoolExecutor(workers) as threads:
        target = Destination(f"http://127.0.0.1:{port}/", AuthSettings(), None, _TIMEOUT, "none")
        with closing(Webhook(target, clock=time.time, monotonic=time.monotonic)) as webhook:
            list(threads.map(lambda number: _try(webhook, report, number), range(answers)))
    report.seconds = time.monotonic() - began
    return report


def answer_of(seed: int, number: int) -> Made:
    """The answer to the `number`-th request of a fuzz."""
    return make(random.Random(f"{seed}:{number}"), number)  # noqa: S311  repeatable


def _try(webhook: Webhook, report: Report, number: int) -> None:
    """One answer that is anything, then one that is ordinary."""
    try:
        made = answer_of(report.seed, number)
        answer = webhook.post(_BODY, f"fuzz {number}", 1)
        report.take_note(made.kind, answer)
        if made.status is not None and isinstance(answer, Reply) and answer.status != made.status:
            report.count("mistaken", number, f"{made.status} was taken for {answer.status}")
        if made.kind is Kind.ORDERLY and (not isinstance(answer, Reply) or answer.retry_after != number):
            report.count("mistaken", number, f"an orderly answer became {answer}")
        for _ in range(_TRIES):
            ordinary = webhook.post(_BODY, f"ordinary {number}", 1)
            if isinstance(ordinary, Reply):
                break
            report.count("again", number)
        if not isinstance(ordinary, Reply) or ordinary.retry_after != _ORDINARY + number:
            report.count("desynced", number, f"the ordinary request after it got {ordinary}")
    except Exception as error:  # noqa: BLE001  that nothing raises is what is looked at
        report.count("raised", number, f"{type(error).__name__}: {error}")


@contextmanager
def _server(seed: int) -> Iterator[int]:
    """The port of a server that gives `fuzz N` the N-th answer, and `ordinary N` a good one."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        threading.Thread(target=_accept, args=(listener, seed), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, seed: int) -> None:
    while True:
        try:
            accepted, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(accepted, seed), daemon=True).start()


def _serve(accepted: socket.socket, seed: int) -> None:
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with accepted, accepted.makefile("rb") as stream:
        try:
            while _serve_request(accepted, stream, seed):
                pass
        except OSError:
            return


def _serve_request(accepted: socket.socket, stream: BufferedReader, seed: int) -> bool:
    """One request and its answer; true when another may follow. Raises OSError when the client leaves."""
    head = read_head(stream)
    read_exactly(stream, head.length)
    word, _, number = head.headers["webhook-id"].partition(" ")
    if word == "ordinary":
        accepted.settimeout(None)
        marker = _ORDINARY + int(number)
        accepted.sendall(f"HTTP/1.1 200 OK\r\n{MARKER}: {marker}\r\nContent-Length: 2\r\n\r\nok".encode())
        return True
    made = answer_of(seed, int(number))
    accepted.sendall(made.wire)
    if made.later:
        time.sleep(_MOMENT)
        accepted.sendall(made.later)
    if made.end is End.RESET:
        reset(accepted)
    accepted.settimeout(_PATIENCE)
    return made.end is End.OPEN
