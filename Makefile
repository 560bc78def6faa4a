# Every target does its own set-up: Python >= 3.11 and make are enough. uv is used where it is, else fetched into .tools.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := $(shell command -v uv || echo .tools/bin/uv)
# The certificates of the machine first, since a company's proxy has its own; uv's where the machine has none.
SYNC = UV_PYTHON_DOWNLOADS=never $(UV) sync --quiet --locked --python $(PYTHON)
BIN := .venv/bin
DEMO_HOME ?= .statsig_export/demo
EVENTS ?= 50000
KILLS ?= 1000
ANSWERS ?= 100000
SEED ?= 1
BENCH ?=

# JupyterLab lies beside the locked environment, in uv's cache, and its kernels run in both.
JUPYTER = UV_PYTHON_DOWNLOADS=never $(UV) run --quiet --no-sync --with jupyterlab

# Each of the many processes that the targets start would compile its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo dev notebook test lint types bench torture fuzz pictures clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/ready: pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@test -x "$(UV)" || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet --disable-pip-version-check uv; }
	@UV_SYSTEM_CERTS=1 $(SYNC) || $(SYNC)
	@touch $@

setup: .venv/ready ## the environment: every dependency, locked

demo: .venv/ready ## the whole way of an event, on embedded parts
	@$(BIN)/statsig-export demo --home $(DEMO_HOME) --events $(EVENTS)

dev: .venv/ready ## the Dagster UI on the demo's home
	@test -f $(DEMO_HOME)/environment || $(MAKE) --no-print-directory demo
	@$(BIN)/python -m statsig_export.demo.dev $(DEMO_HOME)

notebook: .venv/ready ## JupyterLab on the demo's home, with a copy of the notebook
	@test -f $(DEMO_HOME)/environment || $(MAKE) --no-print-directory demo
	@test -f $(DEMO_HOME)/explore_export.ipynb || cp notebooks/explore_export.ipynb $(DEMO_HOME)
	@UV_SYSTEM_CERTS=1 $(JUPYTER) jupyter --version >/dev/null || $(JUPYTER) jupyter --version >/dev/null
	@set -a; . $(DEMO_HOME)/environment; $(JUPYTER) --offline jupyter lab --allow-root $(DEMO_HOME)/explore_export.ipynb

test: .venv/ready ## the tests
	@$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder  # reordered, files of few long tests come last

lint: .venv/ready ## ruff, format and imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/ready ## mypy --strict
	@$(BIN)/mypy

bench: .venv/ready ## how fast it is, beside the raw read and other tools; BENCH=growth: how that grows
	@$(BIN)/python -m benchmarks $(BENCH)

torture: .venv/ready ## exports and shipments killed KILLS times, against a webhook that misbehaves: what was lost
	@$(BIN)/python -m torture --kills $(KILLS) --seed $(SEED)

fuzz: .venv/ready ## ANSWERS answers of every kind to the shipper's requests, over real sockets: what was mistaken
	@$(BIN)/python -m fuzz --answers $(ANSWERS) --seed $(SEED)

pictures: .venv/ready ## what the browser tests see of Dagster, into docs/pictures; needs chromium
	@STATSIG_EXPORT_BROWSER=required STATSIG_EXPORT_PICTURES=docs/pictures $(BIN)/pytest -q tests/browser

clean: ## the environment and everything made by the targets
	rm -rf .venv .tools .bench .statsig_export .pytest_cache .mypy_cache .ruff_cache .hypothesis
