"""Emits OpenLineage events for exports and shipments. A failure here never fails a run."""
