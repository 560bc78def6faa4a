"""The ledger: what was exported, planned, sent and answered. All SQL on its tables is here."""
