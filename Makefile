# Everything sets itself up on a machine that has python3 (with venv), make and git.
#   make run      a web.tap of ./run/www, served on loopback
#   make test     lint, types, tests; the system tests where this is root and has systemd-nspawn and debootstrap
#   make soak     the same with full counts, on Debian's unstable as well, and the tables of docs/
#   make bench    start-up, the generator, packages and large graphs, beside twistd, debhelper and plain pickle
#   make deb      the project's own Debian package, in dist/
#   make rpm      the project's own rpm, likewise
#   make install  commands, unit, generator and man pages below DESTDIR

PYTHON ?= python3
PREFIX ?= /usr
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
STAMP := $(VENV)/.tests

.PHONY: run test lint unit soak bench units deb rpm install clean

$(RUNS): pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -q --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install -q -e '.[tls,title,seal]'
	touch $@

$(STAMP): $(RUNS)
	$(BIN)/python -m pip install -q --group lint --group test
	touch $@

run: $(RUNS)
	@PATH="$(CURDIR)/$(BIN):$$PATH" packaging/run-demo

test: $(STAMP)
	packaging/run-tests

lint: $(STAMP)
	packaging/run-lint

unit: $(STAMP)
	$(BIN)/python -m pytest -q -n auto

soak: $(STAMP)
	$(BIN)/python -m pip install -q --group bench --group others
	for name in cowrie evennia opencanary; do \
	    $(PYTHON) -m venv $(VENV)-others-$$name && \
	    $(VENV)-others-$$name/bin/python -m pip install -q --upgrade 'pip>=25.1' && \
	    $(VENV)-others-$$name/bin/python -m pip install -q -e '.[tls,title]' --group others-$$name || exit 1; \
	done
	TAPDAEMON_SOAK=1 packaging/run-tests
	ROUNDS=51 $(BIN)/python tests/benchmarks/startup.py docs/startup.md
	ROUNDS=51 $(BIN)/python tests/benchmarks/generator.py docs/generator.md
	$(BIN)/python tests/benchmarks/packages.py docs/packages.md
	$(BIN)/python tests/benchmarks/graphs.py docs/graphs.md

bench: $(STAMP)
	$(BIN)/python -m pip install -q --group bench
	$(BIN)/python tests/benchmarks/startup.py
	$(BIN)/python tests/benchmarks/generator.py
	$(BIN)/python tests/benchmarks/packages.py
	$(BIN)/python tests/benchmarks/graphs.py

# The shipped units are written from src/tapdaemon/unit/templates.py; a test holds them equal.
units:
	PYTHONPATH=src $(PYTHON) -m tapdaemon.unit.templates systemd

deb:
	packaging/build-deb

rpm:
	packaging/build-rpm

install:
	packaging/install "$(DESTDIR)" "$(PREFIX)" "$(PYTHON)"

clean:
	rm -rf .venv* build dist run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
