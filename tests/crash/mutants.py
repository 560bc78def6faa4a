"""Wrong implementations, each one function that breaks the code in the child that calls it, and nowhere else."""

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import Connection, insert

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery import batches as batching
from statsig_export.delivery import evidence
from statsig_export.delivery import rules as delivery
from statsig_export.delivery.batch import Batch
from statsig_export.delivery.batches import Texts
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Decision, Failure, Reply, Step
from statsig_export.events.seen_ids import SeenIds
from statsig_export.export import repair as repairing
from statsig_export.ledger import locks
from statsig_export.ledger import transactions as ledger
from statsig_export.ledger.records import Claim, ExportRun, PartitionPlan, PlannedBatch
from statsig_export.ledger.transactions import Ledger
from statsig_export.shipping import shipper, webhook
from statsig_export.shipping.shipper import Shipper
from statsig_export.shipping.webhook import Webhook
from statsig_export.storage import storage
from statsig_export.storage.storage import Storage


def delivered_before_it_is_sent() -> None:
    def attempt(self: Shipper, batch: PlannedBatch, _: Texts, request_body: bytes) -> Decision:
        claim = self.ledger.claim(batch, self.route.ship_run, self.timing.now_ms())
        decision = Decision(Step.DELIVER, Outcome.ACCEPTED, "HTTP 200")
        self.ledger.finish(claim, Reply(200, 1), decision, self.timing.now_ms())
        self.route.post(request_body, batch.batch_id, claim.number)
        return decision

    shipper.Shipper._attempt = attempt


def no_recovery() -> None:
    ledger.Ledger.recover = lambda *_: 0


def server_error_is_acceptance() -> None:
    delivery._BY_CLASS[5] = Outcome.ACCEPTED


def no_answer_is_acceptance() -> None:
    real = shipper.decide

    def decide(answer: Reply | Failure, *arguments: object) -> Decision:
        decision = real(answer, *arguments)
        if decision.outcome is Outcome.UNKNOWN:
            return Decision(Step.DELIVER, Outcome.ACCEPTED, decision.reason)
        return decision

    shipper.decide = decide


def a_rejection_is_always_believed() -> None:
    """Whatever is rejected when it is alone has failed, though nothing at all is accepted."""
    evidence.Evidence.reject = lambda *_, **__: True


def a_dead_shipper_has_delivered() -> None:
    """What was under way when it died is taken for arrived."""
    real = ledger.move

    def move(connection: Connection, batch: int, step: Step, **changes: object) -> None:
        if step is Step.DEFER and "died" in str(changes.get("reason")):
            step = Step.DELIVER
        real(connection, batch, step, **changes)

    ledger.move = move


def no_antijoin() -> None:
    """An export plans what earlier ones planned again."""
    repairing.read_ids = lambda *_: (SeenIds(), {})


def no_lock() -> None:
    locks.FileLocks.acquire = lambda *_: True


def random_batch_ids() -> None:
    """As good as any while the ledger lives: an id is made once and kept. The shipper's own check is taken out too."""

    class Any(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __ne__(self, other: object) -> bool:
            return False

    batching.batch_id = lambda *_: uuid.uuid4().hex * 2
    shipper.batch_id = lambda *_: Any("")


def named_before_it_is_there() -> None:
    """The ledger names a file that gets its name only afterwards."""
    waiting: list[tuple[Storage, Path, str]] = []
    install, plan = storage.Storage._install, ledger.Ledger.plan

    def put_off(self: Storage, temporary: Path, path: str) -> None:
        aside = temporary.with_suffix(".aside")
        temporary.rename(aside)
        waiting.append((self, aside, path))
        Path(self._root, path).parent.mkdir(parents=True, exist_ok=True)

    def plan_first(self: Ledger, run: ExportRun, plans: Iterable[PartitionPlan]) -> None:
        plan(self, run, plans)
        while waiting:
            install(*waiting.pop())

    storage.Storage._install = put_off
    ledger.Ledger.plan = plan_first


def halves_in_a_transaction_of_their_own() -> None:
    finish = ledger.Ledger.finish

    def in_two(
        self: Ledger,
        claim: Claim,
        answer: Reply | Failure,
        decision: Decision,
        now_ms: int,
        halves: Sequence[Batch] = (),
    ) -> None:
        finish(self, claim, answer, decision, now_ms)
        if halves:
            reach(CrashPoint.SPLITTING)
            with self.database.write() as connection:
                rows = [ledger._half_row(claim.batch, half, now_ms) for half in halves]
                connection.execute(insert(ledger.batches), rows)

    ledger.Ledger.finish = in_two


def early_halves_in_a_transaction_of_their_own() -> None:
    def in_two(self: Ledger, batch: PlannedBatch, halves: Sequence[Batch], now_ms: int) -> None:
        with self.database.write() as connection:
            ledger.move(connection, batch.id, Step.CUT)
        with self.database.write() as connection:
            ledger._insert_halves(connection, batch, halves, now_ms)

    ledger.Ledger.cut = in_two
    limits_are_lower()


def limits_are_lower() -> None:
    """No wrong implementation: what was planned by others is over the limits of this process."""
    real = shipper.Shipper._is_over_the_limits
    shipper.Shipper._is_over_the_limits = lambda self, batch: real(self, batch) or batch.rows > 3


def a_retry_says_something_else() -> None:
    """The same events under the same id, but not the same bytes."""
    real = webhook.Webhook.post

    def post(self: Webhook, sent: bytes, batch_id: str, attempt: int) -> Reply | Failure:
        return real(self, sent + b" " * (attempt - 1), batch_id, attempt)

    webhook.Webhook.post = post
