"""The state of the ledger as Prometheus reads it: figures, their names, a file for node_exporter, a server."""
