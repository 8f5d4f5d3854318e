# One word for each thing a contributor does. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# SEED repeats one simulation, SEEDS says how many to run, CASES is a folder of language cases,
# DIR one of published workflow definitions.
SEED ?=
SEEDS ?= 2000
CASES ?=
DIR ?=
WORKERS ?= 2

STAMP := $(VENV)/.stamp
INPUTS := pyproject.toml tools/setup.sh

.PHONY: help setup demo test check simulate soak bench conformance samples docs up format clean

help: ## list these words
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)-core ## make .venv with .venv/bin/hakobune (nothing to do when it is there already)
	@echo "set up: $(BIN)/hakobune"

$(STAMP)-core: $(INPUTS)
	@tools/setup.sh core
$(STAMP)-dev: $(INPUTS)
	@tools/setup.sh dev
$(STAMP)-demo: $(INPUTS)
	@tools/setup.sh demo

demo: $(STAMP)-demo ## read the on-screen texts of a video in shards, through two kills
	@$(BIN)/python examples/telop_demo/demo.py

test: $(STAMP)-dev ## all tests: real processes, real clients, a fixed set of simulations
	@tools/test.sh $(WORKERS)

check: $(STAMP)-dev ## format, lint, types, imports, unused code, drawn documents
	@tools/check.sh

format: $(STAMP)-dev ## lay the code out
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

simulate: $(STAMP)-dev ## the runtime on a virtual clock, with faults: SEEDS=2000, or SEED=N to repeat one
	@$(BIN)/python -m hakobune.testing $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

soak: $(STAMP)-dev ## the full counts: simulations, kills of real processes, the crash harness
	@tools/soak.sh

bench: $(STAMP)-dev ## measure, each figure beside its rival in the same run
	@$(BIN)/python -m bench

conformance: $(STAMP)-dev ## run the language cases (the project's own, or those of the folder CASES)
	@tools/conformance.sh "$(CASES)"

samples: $(STAMP)-dev ## deploy and run all workflow definitions of the folder DIR
	@if [ -n "$(DIR)" ]; then $(BIN)/python tools/run_samples.py "$(DIR)"; else echo "samples: not run: no DIR"; fi

docs: $(STAMP)-dev ## draw the pictures, tables and schemas that come from the code
	@$(BIN)/python tools/draw_docs.py
	@$(BIN)/python tools/make_schemas.py

up: setup ## run everything in the foreground, data in ./.hakobune
	@$(BIN)/hakobune up --data .hakobune

clean: ## remove what the targets made
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
