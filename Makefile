# Each target alone sets up what it needs, from a fresh checkout; `make` lists them. See docs/development.md.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
PYTEST := $(BIN)/pytest --junitxml
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := uv==0.13.9
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-fault test-long lint types bench lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/run.stamp  ## run the service with a simulated fleet (ARGS="--port 8080")
	$(BIN)/fleettrack demo $(ARGS)

test: $(VENV)/dev.stamp  ## unit, integration and acceptance tests (ARGS="-k nmea")
	$(PYTEST) build/test.xml -n 2 -m "not fault and not long" --timeout 120 $(ARGS)

test-fault: $(VENV)/dev.stamp  ## tests that kill real processes
	$(PYTEST) build/fault.xml -m fault --timeout 600 $(ARGS)

test-long: $(VENV)/dev.stamp  ## long runs on recorded data
	$(PYTEST) build/long.xml -m long --timeout 2400 $(ARGS)

lint: $(VENV)/dev.stamp  ## style, layers, file sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python tools/check_tree.py

types: $(VENV)/dev.stamp  ## mypy --strict
	$(BIN)/mypy --strict

bench: $(VENV)/run.stamp  ## every target of the benchmarks, one JSON line each
	$(BIN)/fleettrack bench --all --json $(ARGS)

lock:  ## resolve requirements/*.in again (UPGRADE=--upgrade takes newer versions)
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check $(UV)
	for name in run dev; do \
		build/lock/bin/uv pip compile $(LOCK) $(UPGRADE) requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

clean:  ## remove all that these targets made
	rm -rf $(VENV) build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv found (Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@
