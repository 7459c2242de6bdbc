# make eval       set up, then evaluate the embedded models and print the leaderboard
# make test       set up, then run every test: eight to twelve minutes on two idle cores, by how fast they are
# make test-fast  the same without the tests that take long: two minutes
# make check      lint, format, types, tests: what CI runs, and more
# make lock       resolve the dependencies again
# make clean      remove the environments

PYTHON ?= $(firstword $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p; done))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Three workers keep two cores busy: many tests wait for servers, for processes and for time limits. A worker that has
# nothing left takes tests of the others, so all are busy to the end; files stay together until then.
PYTEST_ARGS ?= -n 3 --dist worksteal

.PHONY: eval test test-fast check lock clean
.DEFAULT_GOAL := eval

eval: $(VENV)/.installed
	$(BIN)/harness eval $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-fast: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m "not slow"

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST_ARGS)

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "harness needs Python 3.11, 3.12 or 3.13 with venv; none was found"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"

$(VENV)/.installed: $(VENV)/pyvenv.cfg requirements.lock pyproject.toml
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# Universal: one file for Linux, macOS and Windows, Python 3.11 to 3.13. Needs uv.
lock:
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
