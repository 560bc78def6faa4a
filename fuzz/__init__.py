"""Answers of every kind against the webhook's client, over real sockets: `python -m fuzz`."""
