# Everything a developer runs. Each target sets up what it needs by itself; PYTHON=python3.12
# picks the interpreter for .venv, ARGS="-k name -x" goes to pytest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
VERSIONS := 3.11 3.12 3.13
# Not README.md: its examples are laid out for people.
CODE := otpy tests scripts

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check format bench test-all wheel-test clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## show the main job end to end: a tree that survives kill -9
	@$(BIN)/python scripts/demo.py

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## look for mistakes without running anything: format, lint, types
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy

format: $(READY) ## format the code and mend what can be mended
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

bench: $(READY) ## measure: medians, and ratios to a baseline in the same run
	@set -e; for script in scripts/bench*.py; do \
		echo "== $$script"; $(BIN)/python $$script; done

test-all: $(VERSIONS:%=test-%) ## run the tests on each Python of 3.11, 3.12 and 3.13 that is here

wheel-test: $(READY) ## build the wheel, install it in an empty environment, run it there
	@rm -rf dist .venv-wheel
	@$(BIN)/python -m build --wheel --outdir dist . > /dev/null
	@$(BIN)/python -m venv .venv-wheel
	@.venv-wheel/bin/pip install --quiet --disable-pip-version-check dist/*.whl
	cd dist && ../.venv-wheel/bin/otpy --version
	cd dist && ../.venv-wheel/bin/otpy demo
	@rm -rf .venv-wheel

clean: ## remove what was built, the environments included
	@rm -rf .venv .venv-* dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("otpy needs Python 3.11 or later, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 ...")'
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# pyenv keeps its Pythons off PATH unless they are selected.
define find-python
$(firstword $(foreach p,python$(1) $(wildcard $(HOME)/.pyenv/versions/$(1).*/bin/python),\
	$(if $(filter $(1),$(shell $(p) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)),$(p))))
endef

.PHONY: $(VERSIONS:%=test-%)
$(VERSIONS:%=test-%): test-%:
	@$(if $(call find-python,$*),\
		echo "== python$*" && \
		$(MAKE) --no-print-directory test VENV=.venv-$* PYTHON=$(call find-python,$*),\
		echo "== python$*: skipped, it is not here")
