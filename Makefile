# Everything a developer runs. Each target sets up what it needs by itself; PYTHON=python3.12
# picks the interpreter for .venv, ARGS="-k name -x" goes to pytest, WITH=newest or WITH=lowest
# takes other versions of what otpy depends on than those in requirements/locked.txt.

PYTHON ?= python3
WITH ?= locked
VENV := .venv$(if $(filter-out locked,$(WITH)),-$(WITH))
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
READY := $(VENV)/.installed
DOCS := $(VENV)/.docs-installed
VERSIONS := 3.11 3.12 3.13
# Two for each processor: one has something to do while the other waits for its nodes.
WORKERS := $(shell echo $$(( $$(nproc) * 2 )))
# Not README.md: its examples are laid out for people.
CODE := otpy tests scripts

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check docs format bench test-all test-newest test-lowest lock wheel-test clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## show the main job end to end: a tree that survives kill -9
	@$(BIN)/python scripts/demo.py

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(READY) ## look for mistakes without running anything: format, lint, types, docs
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/python scripts/generate_blocking.py --check
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory docs

docs: $(DOCS) ## build the documentation in site/; a broken link is a mistake
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(READY) ## format the code and mend what can be mended
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/python scripts/generate_blocking.py

bench: $(READY) ## measure: medians, and ratios to a baseline in the same run
	@set -e; for script in scripts/bench*.py; do \
		echo "== $$script"; $(BIN)/python $$script; done
	@echo "== scripts/chaos.py"; $(BIN)/python scripts/chaos.py --kills 10000 --seed 1
	@echo "== scripts/chaos.py --many 80"; $(BIN)/python scripts/chaos.py --kills 1000 --seed 2 --many 80

test-all: $(VERSIONS:%=test-%) ## run the tests on each Python of 3.11, 3.12 and 3.13 that is here

test-newest: ## run the tests with the newest versions of what otpy depends on
	@rm -f .venv-newest/.installed
	@$(MAKE) --no-print-directory test WITH=newest

test-lowest: ## run the tests with the lowest versions that pyproject.toml allows
	@$(MAKE) --no-print-directory test WITH=lowest

# Of the lowest versions only those that have a wheel for that Python: others may not even build.
lock: ## renew requirements/: the versions that are installed here and in CI
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv; }
	@$(COMPILE) --universal --python-version 3.11 --upgrade --extra dev --output-file requirements/locked.txt
	@$(COMPILE) --universal --python-version 3.11 --upgrade --extra docs \
		--constraint requirements/locked.txt --output-file requirements/docs.txt
	@set -e; for version in $(VERSIONS) 3.14; do \
		$(COMPILE) --python-version $$version --python-platform linux --extra test --upgrade \
			--resolution lowest-direct --only-binary :all: \
			--output-file requirements/lowest-$$version.txt; done

COMPILE = .venv-lock/bin/uv pip compile --quiet --no-annotate --custom-compile-command "make lock" \
	pyproject.toml requirements/build.in

wheel-test: $(READY) ## build the wheel, install it in an empty environment, run it there
	@rm -rf dist .venv-wheel
	@$(BIN)/python -m build --wheel --outdir dist . > /dev/null
	@$(BIN)/python -m venv .venv-wheel
	@.venv-wheel/bin/pip install --quiet --disable-pip-version-check dist/*.whl
	cd dist && ../.venv-wheel/bin/otpy --version
	cd dist && ../.venv-wheel/bin/otpy demo
	@.venv-wheel/bin/pip install --quiet --disable-pip-version-check pytest
	cd dist && ../.venv-wheel/bin/pytest --markers | grep otpy_tree
	@rm -rf .venv-wheel

clean: ## remove what was built, the environments included
	@rm -rf .venv .venv-* dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

MINOR = $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
INSTALL_locked = -r requirements/locked.txt
INSTALL_lowest = -r requirements/lowest-$(MINOR).txt
INSTALL_newest = --upgrade --upgrade-strategy eager -r requirements/build.in '.[test]'

$(READY): pyproject.toml $(filter-out requirements/docs.txt,$(wildcard requirements/*))
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("otpy needs Python 3.11 or later, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 ...")'
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install $(INSTALL_$(WITH))
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@wrong=$$($(PIP) check) || { echo "$$wrong"; echo "pyproject.toml and requirements/ disagree; try: make lock"; exit 1; }
	@touch $@

# Only what builds the documentation, and runs the examples with libraries of others, needs them.
$(DOCS): $(READY) requirements/docs.txt
	@$(PIP) install -r requirements/docs.txt
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
