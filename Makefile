# Everything happens in .venv, with the versions of constraints.txt. Outside it only poppler-utils is
# installed, and only where it is missing and that is allowed.

PYTHON ?= python3
DATA ?= keras
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help run test faults samples train wheel clean

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 16

run: $(INSTALLED) ## read sample_scans/ into out/
	@$(BIN)/digitscan run sample_scans --form configs/household.toml --output out

test: $(INSTALLED) ## lint, types and tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

faults: $(INSTALLED) ## kill runs, start them twice, let their calls fail: 15 minutes; strace must be there
	$(BIN)/python -m tests.batch.faults

samples: $(INSTALLED) ## draw sample_scans/ anew
	$(BIN)/digitscan deck configs/household.toml --pages 28 --seed 1880 --output sample_scans

train: $(INSTALLED) ## train the shipped model anew; DATA=a directory of MNIST files, or keras to fetch it
	$(BIN)/digitscan train --data $(DATA) --architecture digitscan --output models/digits.keras

wheel: $(INSTALLED) ## build dist/digitscan-*.whl, model included
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove what was made, but not .venv
	rm -rf out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

$(INSTALLED): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "digitscan needs Python 3.11, 3.12 or 3.13: install one and name it, as in 'make run PYTHON=python3.12'" >&2; \
		exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || { \
		rm -rf .venv; \
		echo "No virtual environment could be made: install python3-venv ('sudo apt-get install python3-venv') and try again" >&2; \
		exit 1; }
	@echo "Installing the versions of constraints.txt into .venv (2.8 GB)"
	@# What builds the package comes first, so that its versions are locked too.
	@$(BIN)/python -m pip install -qq --constraint constraints.txt hatchling editables
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@command -v pdftoppm >/dev/null || { $(POPPLER); } >/dev/null 2>&1 || \
		echo "poppler-utils is missing and cannot be installed here ('sudo apt-get install poppler-utils'):" \
			"PDF pages that are no plain scans will be listed as failed; all else works" >&2
	@touch $@

define POPPLER
root=$$(test "$$(id -u)" = 0 || echo "sudo -n"); export DEBIAN_FRONTEND=noninteractive; \
$$root apt-get install --yes poppler-utils || { $$root apt-get update && $$root apt-get install --yes poppler-utils; }
endef
