# Every target does its own set-up: Python >= 3.11 and make are enough. An installed uv is used, else one is fetched into .tools.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := $(shell command -v uv || echo .tools/bin/uv)
# The machine's certificates first, since a company's proxy has its own; uv's if the machine has none.
SYNC = UV_PYTHON_DOWNLOADS=never $(UV) sync --quiet --locked --python $(PYTHON)
BIN := .venv/bin
# What only a release needs, in an environment of its own.
TOOLS = UV_SYSTEM_CERTS=1 UV_PROJECT_ENVIRONMENT=.tools/release $(SYNC) --only-group release
# A tool whose packages do not go with those of uv.lock, from its own list with hashes: an environment in .tools.
ENVIRONMENT = test -x .tools/$(1)/bin/python || $(UV) venv --quiet --python $(PYTHON) .tools/$(1); \
	UV_SYSTEM_CERTS=1 $(UV) pip sync --quiet --require-hashes --python .tools/$(1)/bin/python .ci/$(1).txt
DEMO_HOME ?= .statsig_export/demo
EVENTS ?= 50000
PORT ?= 3000
WEBHOOK_PORT ?=
KILLS ?= 1000
ANSWERS ?= 100000
ROUNDS ?= 20
SEED ?= 1
BENCH ?=

# JupyterLab is not in the locked environment but in uv's cache; its kernels see both.
JUPYTER = UV_PYTHON_DOWNLOADS=never $(UV) run --quiet --no-sync --with jupyterlab

# Each of the many processes that the targets start would compile its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo dev notebook test acceptance lint types docs mariadb clickhouse dbt emulators spark engines bench torture fuzz audit dist installed licences pictures clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/ready: pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@test -x "$(UV)" || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/uv.txt; }
	@UV_SYSTEM_CERTS=1 $(SYNC) || $(SYNC)
	@touch $@

setup: .venv/ready ## make .venv with every dependency, locked

demo: .venv/ready ## run the whole export on embedded parts: a sample source, Dagster, a stand-in webhook
	@$(BIN)/statsig-export demo --home '$(DEMO_HOME)' --events $(EVENTS)

# exec, in this and the next: what make is told to end is the program itself, not a shell that leaves it behind.
dev: .venv/ready ## open the Dagster UI on the demo's data, at PORT
	@test -f '$(DEMO_HOME)/environment' || exec $(MAKE) --no-print-directory demo
	@exec $(BIN)/python -m statsig_export.demo.dev '$(DEMO_HOME)' --port $(PORT) $(if $(WEBHOOK_PORT),--webhook-port $(WEBHOOK_PORT))

notebook: .venv/ready ## open JupyterLab on the demo's data, with a copy of the notebook
	@test -f '$(DEMO_HOME)/environment' || exec $(MAKE) --no-print-directory demo
	@test -f '$(DEMO_HOME)/explore_export.ipynb' || $(BIN)/statsig-export notebook explore_export --to '$(DEMO_HOME)'
	@UV_SYSTEM_CERTS=1 $(JUPYTER) jupyter --version >/dev/null || $(JUPYTER) jupyter --version >/dev/null
	@set -a; . '$(DEMO_HOME)/environment'; $(JUPYTER) --offline jupyter lab --allow-root '$(DEMO_HOME)/explore_export.ipynb'

# The default order starts files of few, long tests last.
OF_OTHER_TARGETS = documents dbt_package emulators clickhouse spark engines
PYTEST = $(BIN)/pytest -q --dist loadfile --no-loadscope-reorder $(OF_OTHER_TARGETS:%=--ignore tests/%)

test: .venv/ready ## run the tests, but for those of acceptance and docs
	@$(PYTEST) -n 3 -m 'not acceptance'

# Only the files that have such tests: to collect a file is to import all that it needs, in each of the processes.
acceptance: .venv/ready ## run the tests that drive whole programs (the demo, Dagster, the wheel), kill them, or measure their memory
	@$(PYTEST) -n 4 -m acceptance \
		$$(grep -rlF pytest.mark.acceptance tests --include='test_*.py' $(OF_OTHER_TARGETS:%=--exclude-dir=%) | sort)

mariadb: .venv/ready ## run the tests of the databases on a MariaDB that runs for as long as they do; needs mariadb-server
	@$(BIN)/python tests/builders/mariadb_server.py $(BIN)/pytest -q tests/databases -k 'mysql or test_export'

clickhouse: .venv/ready ## run the tests on ClickHouse, whose package is as large as all the others together
	@UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never $(UV) run --quiet --no-sync --with-requirements .ci/chdb.txt pytest -q tests/clickhouse

lint: .venv/ready ## check style, format and imports with ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/ready ## check types with mypy --strict
	@$(BIN)/mypy
	@MYPYPATH=docs $(BIN)/mypy -p generators

docs: .venv/ready ## build the documentation site into docs/_build/html, warnings are errors, and run what its pages say
	@$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@$(BIN)/pytest -q -n 2 tests/documents

dbt: .venv/ready ## parse the dbt package in deploy/dbt for each adapter, and build it on DuckDB and PostgreSQL
	@$(call ENVIRONMENT,dbt)
	@$(BIN)/pytest -q tests/dbt_package

emulators: .venv/ready ## export from, and compare with, tables of Snowflake and BigQuery as emulators have them
	@$(call ENVIRONMENT,fakesnow)
	@$(call ENVIRONMENT,bqemulator)
	@$(BIN)/pytest -q tests/emulators

spark: .venv/ready ## run the tests of Databricks on Spark, whose package is 430 MB and needs Java 17
	@$(call ENVIRONMENT,spark)
	@$(BIN)/pytest -q tests/spark

engines: .venv/ready ## run Dagster's runs on Celery workers, and hold deploy/ against its launchers; needs redis-server
	@UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never $(UV) run --quiet --no-sync --with-requirements .ci/engines.txt pytest -q tests/engines

bench: .venv/ready ## measure speed against the raw read and other tools; BENCH=growth: how it grows
	@$(BIN)/python -m benchmarks $(BENCH)

torture: .venv/ready ## kill exports and shipments KILLS times, against a faulty webhook, and count what is lost
	@$(BIN)/python -m torture --kills $(KILLS) --seed $(SEED)

fuzz: .venv/ready ## send ANSWERS odd answers to the shipper and count what it misreads; export ROUNDS tables of huge rows in little memory
	@$(BIN)/python -m fuzz --answers $(ANSWERS) --seed $(SEED)
	@$(BIN)/python -m fuzz.rows --rounds $(ROUNDS) --seed $(SEED)

audit: .venv/ready ## ask PyPI's advisory database about every package of uv.lock; says so where it cannot be reached
	@UV_SYSTEM_CERTS=1 bash .ci/audit $(UV) $(PYTHON)

dist: .venv/ready ## build the wheel and the sdist of what is committed into dist, and look them through
	@$(TOOLS)
	@rm -rf dist
	@$(BIN)/python -m release.distributions dist
	@.tools/release/bin/twine check --strict dist/*
	@.tools/release/bin/check-wheel-contents dist/*.whl

installed: .venv/ready ## install the wheel in dist with each extra, on each Python, into clean environments, and use it
	@UV_SYSTEM_CERTS=1 $(BIN)/python -m release.installed $(UV) dist || [ $$? -eq 3 ]

licences: .venv/ready ## list the licences of all that an installation brings; dist/sbom.cdx.json is its bill of materials
	@$(TOOLS)
	@UV_SYSTEM_CERTS=1 UV_PROJECT_ENVIRONMENT=.tools/shipped $(SYNC) --no-default-groups --all-extras --no-editable
	@$(BIN)/python -m release.licences .tools/shipped .tools/release/bin/cyclonedx-py dist/sbom.cdx.json

pictures: .venv/ready ## take the pictures of Dagster in docs/pictures; needs chromium
	@STATSIG_EXPORT_BROWSER=required STATSIG_EXPORT_PICTURES=docs/pictures $(BIN)/pytest -q tests/browser

clean: ## remove the environment and everything these commands made
	rm -rf .venv .tools .bench .statsig_export .pytest_cache .mypy_cache .ruff_cache .hypothesis dist docs/_build
