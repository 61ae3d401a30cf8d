# The README's commands. Everything is installed into .venv from the hashed lock; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help venv demo test coverage test-days test-long check format bench soak engines lock clean

help: ## Show these lines
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

venv: $(STAMP) ## Make the virtual environment

demo: $(STAMP) ## Collect one simulated session into an embedded PostgreSQL and show the result
	$(BIN)/collector demo

test: $(STAMP) ## Run the whole suite
	# Three, because tests wait for servers, too; in the order of folders, because the longest come first then.
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

coverage: $(STAMP) ## The suite with a report of the lines that no test runs
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --cov=collector --cov-report=term-missing:skip-covered

test-days: $(STAMP) ## The date-sensitive part under a dozen clocks, one line each
	$(BIN)/python -m pytest -n 3 -m any_day --clock all

# Counts and engines come from outside where they are given: COLLECTOR_MIXES=1000 make soak,
# COLLECTOR_ENGINES=community COLLECTOR_TIMESCALE_MIXES=500 make test-long.
test-long: export COLLECTOR_ENGINES ?= plain,apache,community
test-long: export COLLECTOR_REQUIRE_ENGINES ?= $(COLLECTOR_ENGINES)
test-long: export COLLECTOR_MIXES ?= 500
test-long: export COLLECTOR_KILLS ?= 100
test-long: export COLLECTOR_ARCHIVE_KILLS ?= 200
test-long: export COLLECTOR_TIMESCALE_MIXES ?= 200
test-long: export COLLECTOR_TIMESCALE_KILLS ?= 50
test-long: export COLLECTOR_SIZES_MIXES ?= 60
test-long: export COLLECTOR_VALUES ?= 1000
test-long: export COLLECTOR_SLEEP_SEEDS ?= 1,2,3,4,5
test-long: $(STAMP) ## The whole suite with hundreds of mixes and kills on each engine, every clock, properties drawn anew
	$(BIN)/python -m pytest -n 3 --clock all --hypothesis-profile long --timeout 0

check: $(STAMP) ## Types, lint, format, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## Print speed and memory (not part of the suite)
	$(BIN)/python -m tests.benchmarks

soak: export COLLECTOR_MIXES ?= 3000
soak: export COLLECTOR_KILLS ?= 300
soak: $(STAMP) ## Thousands of random fault mixes, for hours
	$(BIN)/python -m pytest -n 2 tests/acceptance/test_convergence.py tests/acceptance/test_kill.py --timeout 0

engines: ## Build TimescaleDB's Apache edition from Debian's source package, for the tests
	scripts/build_apache_timescaledb.sh

lock: ## Write the locks anew, all and what runs (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
		--no-header --no-annotate -o requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --extra archive --extra embedded --generate-hashes --no-emit-index-url \
		--no-header --no-annotate -c requirements.lock -o requirements-run.lock pyproject.toml

clean: ## Remove what was made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
