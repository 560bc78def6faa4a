"""What is wrong, by one rule: the verb check, the asset checks in Dagster and the alerts all ask here."""
