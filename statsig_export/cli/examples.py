"""What each verb's --help shows as examples."""

from collections.abc import Mapping, Sequence
from typing import Final

EXAMPLES: Final[Mapping[str, Sequence[str]]] = {
    "alerts": ("alerts", "alerts --test", "alerts --json"),
    "arrivals": ("arrivals", "arrivals --last 7d", "arrivals --from 2026-11-01 --to 2026-11-08 --json"),
    "backup": ("backup /mnt/backup/statsig", "backup s3://backups/statsig --keep 14", "backup env:BACKUP_URL"),
    "check": ("check", "check --pending-age 30m --export-age 6h", "check --json"),
    "dedupe-view": (
        "dedupe-view --database snowflake",
        "dedupe-view --database bigquery --mode unpacked --table events.statsig_events --view events.statsig_once",
    ),
    "demo": ("demo", "demo --events 5000 --home /tmp/demo"),
    "events": ("events", "events --last 7d --all", "events --last 1d --format csv"),
    "forget": (
        "forget --user-id u-123 --dry-run",
        "forget --user-id acme --unit-type companyID --database snowflake",
        "forget --file ids.txt --sent sent.csv --sql delete.sql --database bigquery",
        "forget",
    ),
    "init": ("init", "init --layout native --tables"),
    "metrics": ("metrics", "metrics --to /var/lib/node_exporter/statsig_export.prom", "metrics --serve 9464"),
    "notebook": ("notebook", "notebook watch_deliveries --to notebooks"),
    "plan": (
        "plan --last 3d",
        "plan --from 2026-11-01 --to 2026-11-08 --category custom_event",
        "plan --last 1d --failed",
    ),
    "prune": ("prune --before 2026-08-01 --dry-run", "prune --before 2026-08-01"),
    "receiver": (
        "receiver --tables received.db",
        "receiver --auth hmac --secret env:FIVETRAN_WEBHOOK_SECRET",
        "receiver --port 0 --faults faults.json",
    ),
    "replay": (
        "replay --from 2026-11-20 --to 2026-11-21",
        "replay --from 2026-11-20 --to 2026-11-23 --category gate_exposure --category layer_exposure",
        "replay --from 2026-11-20 --to 2026-11-21 --failed",
        "replay --last 7d --missing --dry-run",
    ),
    "restore": (
        "restore /mnt/backup/statsig --dry-run",
        "restore s3://backups/statsig",
        "restore s3://backups/statsig --name 20261127T030000Z-1f0c3a --force",
    ),
    "resume": ("resume",),
    "run": (
        "run --last 3d",
        "run --from 2026-11-01 --to 2026-11-08",
        "run --last 1d --category custom_event --json",
    ),
    "ship": ("ship", "ship --now"),
    "status": ("status", "status --last 7d --failed", "status --format csv"),
    "test-event": ("test-event",),
    "trace": (
        "trace 1a05f3e8-aeea-8401-a000-000000000001",
        "trace 1a05f3e8-aeea-8401-a000-000000000001 --from 2026-11-20 --event",
    ),
    "verify": ("verify", "verify --repair"),
}
"""Verb -> command lines, without the program's name."""


def epilog(verb: str, before: str | None) -> str:
    """The end of the verb's help: its own last words, then the examples, whose lines click leaves as they are."""
    lines = "\n".join(f"  statsig-export {line}" for line in EXAMPLES[verb])
    return f"{before or ''}\n\nExamples:\n\n\b\n{lines}".strip()
