"""Sends one test event, which the ledger does not record."""

import json
import time
from dataclasses import dataclass
from uuid import uuid4

import pyarrow as pa

from statsig_export.config import Config
from statsig_export.delivery.batches import batch_id, body
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Reply, classify, explain
from statsig_export.settings import TimestampForm
from statsig_export.shipping.destination import destination_of
from statsig_export.shipping.webhook import Webhook


@dataclass(frozen=True, slots=True)
class TestAnswer:
    """What the webhook answered."""

    outcome: Outcome
    status: int | None
    """HTTP, where there was an answer."""
    latency_ms: float
    text: str


def send_test_event(config: Config) -> TestAnswer:
    """Send it, and say what came back. Raises ConfigError for a set-up that cannot be used."""
    webhook = Webhook(destination_of(config), clock=time.time, monotonic=time.monotonic)
    event = body(pa.array([_test_event(config.webhook.timestamps)]))
    try:
        answer = webhook.post(event, batch_id(config.webhook.name, event), 1)
    finally:
        webhook.close()
    status = answer.status if isinstance(answer, Reply) else None
    return TestAnswer(classify(answer), status, answer.latency_ms, explain(answer))


def _test_event(timestamps: TimestampForm) -> bytes:
    now = time.time_ns() // 1_000_000
    event = {
        "eventName": "statsig_export_test_event",
        "user": {"userID": "statsig-export"},
        "userID": "statsig-export",
        "timestamp": str(now) if timestamps == "text" else now,
        "statsigMetadata": {},
        "value": "",
        "metadata": {"sent_by": "statsig-export test-event"},
        "timeUUID": str(uuid4()),
    }
    return json.dumps(event, separators=(",", ":")).encode()
