"""The demo: a sample source, a stand-in webhook, the export in Dagster, and the count of what arrived."""
