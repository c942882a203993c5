# One plain command behind each target; `make help` lists them. Everything happens in this folder: .venv, var, build.

PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet
# Where the demonstration keeps everything; remove the folder to begin anew.
VAR ?= var
LISTEN ?= 127.0.0.1:8080
# uv only resolves the lock files; it is a tool of `make lock` and no part of the program.
UV_VERSION := 0.13.9
UV := build/uv/bin/uv
# Two workers: the tests start real servers, and more of them than cores makes them slower.
WORKERS ?= 2
LOCK_OPTIONS = --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(UPGRADE) \
	--extra demo --extra parquet --extra s3

.DEFAULT_GOAL := help
.PHONY: help setup run test check system-packages exhaustive bench assets lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | awk -F'|' '{printf "make %-16s %s\n", $$1, $$2}'

setup: $(VENV)/.installed ## only the .venv, from the lock file; afterwards .venv/bin/intake works

run: $(VENV)/.installed ## the demonstration at http://127.0.0.1:8080; with INTAKE_CONFIG=office.toml the real service
	@if [ -n "$$INTAKE_CONFIG" ]; then exec $(VENV)/bin/intake run --config "$$INTAKE_CONFIG"; \
	else exec $(VENV)/bin/intake demo --var "$(VAR)" --listen "$(LISTEN)"; fi

test: check system-packages ## make check, then every test
	$(VENV)/bin/pytest -q -n $(WORKERS) -m "not exhaustive"

check: $(VENV)/.installed-test ## format, lint, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

system-packages: ## what the tests need from Debian: installs it when root, else says the command
	@.ci/system-packages

exhaustive: $(VENV)/.installed-test system-packages ## the long runs: every fault at every step, all variants, fuzzing
	$(VENV)/bin/pytest -q -n $(WORKERS) -m exhaustive --timeout 3600

bench: $(VENV)/.installed-test system-packages ## the benchmarks: figure, peer's figure, ratio
	$(VENV)/bin/python -m bench

assets: $(VENV)/.installed-test ## make the binary test assets again
	set -e; for maker in tests/assets/make_*.py; do $(VENV)/bin/python -m "$$(echo "$${maker%.py}" | tr / .)"; done

lock: $(UV) ## resolve both lock files again; UPGRADE=--upgrade takes newer versions
	$(UV) pip compile $(LOCK_OPTIONS) --group build pyproject.toml -o requirements.lock
	$(UV) pip compile $(LOCK_OPTIONS) --group build --group test --group check \
		-c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove .venv and build; var, where the data is, stays
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache


$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "The module venv is missing. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }

# The lock first, with every hash checked; then this project itself, from this folder and without asking any index.
$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-dev.lock
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(UV):
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION)
