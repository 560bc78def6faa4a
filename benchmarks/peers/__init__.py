"""Other ways to do the same job, each a program for probe.py that runs in an environment of its own.

They are written as their documentation recommends, and promise what their libraries promise. The rules of an event are
in statsig_json.py, the same for all of them, as plain as a data engineer would write them. Settings, from the
environment: BENCH_DATABASE (libpq's URL), BENCH_START and BENCH_END (the window), BENCH_WEBHOOK_URL, BENCH_BATCH
(events a request), BENCH_FOLDER (for what they keep).
"""
