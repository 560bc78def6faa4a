"""What the storage remembers of each partition: by it an older ledger is known, and brought up to date."""
