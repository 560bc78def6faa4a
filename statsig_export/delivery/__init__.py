"""The rules of delivery: states and transitions, outcomes, retries, rate limits, batches. Pure: no I/O, no clock."""
