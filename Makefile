# `make run` and `make test` do all set-up themselves; `make help` lists the rest.
# Needs GNU make and one CPython 3.11-3.13 (PYTHON=python3.13 chooses another than python3).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .bench-venv
PIP := -m pip --disable-pip-version-check --quiet
# A file's tests stay together: they share what it prepares. More workers only cost memory.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile

.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup run test check format format-check lint types coverage expected soak bench lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/installed  ## .venv with the locked packages and the tradingd command
	@:

# The stamp is written last: an interrupted set-up is simply done again.
$(VENV)/installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
	  { echo "tradingd needs CPython 3.11-3.13, $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing); name another: make setup PYTHON=python3.12" >&2; exit 2; }
	@echo "setting up $(VENV) (once; needs some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP) install --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m cli.warm
	@touch $@

run: setup  ## the daemon: paper trading on a sandbox day (ARGS="--mode observe ...")
	@$(BIN)/tradingd run $(ARGS)

test: setup  ## the fast tests (ARGS="-k matching ...")
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow" $(ARGS)

check: setup format-check lint types coverage  ## everything that must hold at every commit
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

format: setup  ## rewrite the sources in house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

format-check: setup
	@$(BIN)/ruff format --check .

lint: setup
	@$(BIN)/ruff check .

types: setup
	@$(BIN)/mypy

coverage: setup  ## branch coverage of the kernels, run as plain Python: core and core/rules 100 %
	@mkdir -p build
	@NUMBA_DISABLE_JIT=1 $(BIN)/python -m coverage run -m pytest -q -m "not slow" tests/core tests/strategies
	@$(BIN)/python -m coverage report --include="core/*" --fail-under=100
	@$(BIN)/python -m coverage report --include="strategies/*" --fail-under=90

expected: setup  ## how many of the ten expected runs in ../shared/expected agree
	@$(BIN)/python -m tests.e2e.test_expected_runs

soak: setup  ## simulated days full of faults (ARGS="--days 300 --seed 0"), on paper and live, then thirty kills of a real process
	@$(BIN)/python -m tests.faults.campaign $(ARGS)
	@$(BIN)/python -m tests.faults.live_campaign $(ARGS)
	@$(BIN)/python -m tests.e2e.kills

bench: setup  ## side by side with the peers, which live in an environment of their own (ARGS="--only w3")
	@$(BIN)/python -m benchmarks.run $(ARGS)

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --custom-compile-command "make lock" pyproject.toml

lock: setup  ## resolve requirements/*.txt anew (LOCK_ARGS=--upgrade for newer versions)
	@$(BIN)/$(COMPILE) --output-file requirements/run.txt $(LOCK_ARGS)
	@$(BIN)/$(COMPILE) --extra dev --extra lab --extra cluster --constraint requirements/run.txt --output-file requirements/dev.txt $(LOCK_ARGS)

clean:  ## remove what make has made; never var/, where the daemon keeps its state
	rm -rf $(VENV) $(BENCH_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
