# Two commands for a machine that has only Python and make:
#   make demo   computes a matte of a real photo and says where the pictures are
#   make test   style, types, tests and doctests
#   make slow   the tests that take minutes: a browser, kills, emulated ARM, a cluster
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test slow lint check clean

demo: $(VENV)/.base
	$(BIN)/classmat demo --output demo_output

test: lint check

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 -m "not slow"

slow: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 -m slow

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# An editable install: what is demonstrated and tested is what is in this folder.
$(VENV)/.base: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@ $(VENV)/.base

clean:
	rm -rf $(VENV) demo_output .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
