# Everything a newcomer needs, from a fresh clone with only Python (3.11 or newer), git and make:
#   make demo    watch jobs run           make test    run the test suite
#   make lint    ruff and mypy            make bench   measure, with other libraries beside us
#   make docs    build the site of docs/
# `make demo PYTHON=python3.13` picks the interpreter; ARGS="..." is handed to pytest and to the benchmarks.

PYTHON ?= python3
# Tests wait more than they work: processes that share them. Each starts servers of its own.
TEST_PROCESSES ?= 4
VENV := .venv
BIN := $(VENV)/bin
SOURCES = $(wildcard dbjobs tests benchmarks examples)

.PHONY: demo test lint format bench docs clean

demo: $(VENV)/.installed-cli
	@$(BIN)/dbjobs demo

test: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# The site, in build/site; a dead link fails, and so does a program of examples/ that does not print what its page says.
docs: $(VENV)/.installed-test $(VENV)/.installed-docs
	@$(BIN)/python -m pytest -q tests/test_docs.py
	@$(BIN)/zensical build --clean --strict

bench: $(VENV)/.installed-bench
	@$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

# One stamp per set of packages, so that a second run installs nothing and a changed pyproject.toml installs again.
$(VENV)/.installed-cli: $(VENV)/.created pyproject.toml
	@echo "installing dbjobs[cli] into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli]'
	@touch $@

# Dependency groups need pip 25.1; Debian 12 makes environments with 23.0.
$(VENV)/.installed-%: $(VENV)/.created pyproject.toml
	@echo "installing dbjobs[all] and the group $* into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all]' --group $*
	@touch $@

# Our own stamp, not pyvenv.cfg: an interrupted `venv` leaves that behind without pip.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "dbjobs needs Python 3.11 or newer and $(PYTHON) is not: name one with make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: install the package python3-venv (apt-get install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@
