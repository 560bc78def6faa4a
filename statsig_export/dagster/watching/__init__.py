"""What people and other systems are told from Dagster's daemon: alerts, and metrics."""
