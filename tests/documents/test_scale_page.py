"""The tables of docs/scale.md are those that the model makes, and its figures those that the model has."""

from benchmarks.scale import PAGE, filled
from benchmarks.scale_model import POSTGRESQL, SQLITE


def test_the_page_has_the_tables_that_the_script_prints():
    page = PAGE.read_text("utf-8")
    assert filled(page) == page, "python -m benchmarks scale --write"


def test_the_page_names_the_figures_that_the_model_computes_with():
    page = PAGE.read_text("utf-8")
    for figures in (SQLITE, POSTGRESQL):
        assert f"{figures.ledger_batches_s:,.0f}" in page
        assert f"{figures.batch_row + figures.attempt_row:.0f}" in page
        assert f"{figures.partition_rows:.0f}" in page
    stages = (SQLITE.read_us, SQLITE.encode_us, SQLITE.write_us, SQLITE.ship_us)
    assert " + ".join(f"{each:g}" for each in stages) + " us" in page
    assert f"{SQLITE.body_bytes:g} bytes" in page
    assert f"{SQLITE.event_bytes:g} bytes, {SQLITE.file_bytes / 1_000:g} kB" in page
