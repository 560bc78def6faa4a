"""A stand-in OpenLineage server on loopback; the client's own models validate what it receives."""

import importlib
import json
import pkgutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attr
from openlineage.client import generated
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

OURS = "statsigexport_run"


@dataclass
class LineageServer:
    """Answers with `status`, once `gate` is open and after `delay`, and keeps what it was sent."""

    url: str = ""
    status: int = 200
    gate: threading.Event = field(default_factory=threading.Event)
    delay: float = 0.0
    """Seconds before each answer."""
    events: list[dict] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def lineage_server(status: int = 200) -> Iterator[LineageServer]:
    kept = LineageServer(status=status)
    kept.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.gate.wait(10)
            time.sleep(kept.delay)
            kept.paths.append(self.path)
            kept.headers.append(dict(self.headers))
            kept.events.append(json.loads(body))
            self.send_response(kept.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield kept
        finally:
            kept.gate.set()
            server.shutdown()
            thread.join()


def _models() -> dict[str, type]:
    found = {}
    for module in pkgutil.iter_modules(generated.__path__):
        for model in vars(importlib.import_module(f"{generated.__name__}.{module.name}")).values():
            if attr.has(model) and hasattr(model, "_get_schema"):
                found[model._get_schema()] = model
    return found


_MODELS = _models()


def check(event: dict) -> None:
    """Raises unless the client's models take every part of the event."""
    RunEvent(
        eventType=RunState(event["eventType"]),
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=Run(event["run"]["runId"], _facets(event["run"]["facets"])),
        job=Job(event["job"]["namespace"], event["job"]["name"], _facets(event["job"]["facets"])),
        inputs=[
            InputDataset(each["namespace"], each["name"], _facets(each["inputFacets"]), facets=_facets(each["facets"]))
            for each in event["inputs"]
        ],
        outputs=[
            OutputDataset(
                each["namespace"], each["name"], _facets(each["outputFacets"]), facets=_facets(each["facets"])
            )
            for each in event["outputs"]
        ],
    )


def _facets(facets: dict) -> dict:
    return {name: _facet(facet) for name, facet in facets.items() if name != OURS}


def _facet(facet: dict) -> object:
    values = {name.removeprefix("_"): value for name, value in facet.items() if name != "_schemaURL"}
    return _MODELS[facet["_schemaURL"]](**values)
