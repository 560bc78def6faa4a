"""What the ledger's and the source's databases have in common: settings of a transaction, and what an error means."""
