# The README's commands. Everything is installed into .venv from the hashed lock; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help venv demo test check format bench soak engines lock wheel-test clean

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

soak: $(STAMP) ## Thousands of random fault mixes, for hours
	COLLECTOR_MIXES=3000 COLLECTOR_KILLS=300 $(BIN)/python -m pytest -n 2 tests/acceptance/test_convergence.py tests/acceptance/test_kill.py --timeout 0

engines: ## Build TimescaleDB's Apache edition from Debian's source package, for the tests
	scripts/build_apache_timescaledb.sh

lock: ## Write requirements.lock anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
		--no-header --no-annotate -o requirements.lock pyproject.toml

clean: ## Remove what was made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
