# Two commands do all: `make rehearse` and `make test`. Both set themselves up.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(shell command -v uv 2>/dev/null)
PYTHON ?= python3
SCENARIO ?= singles-day
BUDGET ?= 60s
SEED ?= 20261122
export PYTHONDONTWRITEBYTECODE := # empty: every process would read and rewrite each test's source anew

.PHONY: help setup rehearse test lint types layers warm pytest lock bench study soak torture demo clean facts

help: ## list the words
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

setup: $(READY) ## a virtual environment in the checkout, from requirements.lock

$(READY): requirements.lock pyproject.toml
ifneq ($(UV),)
	@test -d $(VENV) || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $(READY)

rehearse: $(READY) ## simulate, replay, find the ceiling, calibrate, report on the embedded defaults
	@$(BIN)/peakday rehearse $(SCENARIO) --budget $(BUDGET); code=$$?; \
	  case $$code in 0|1|3) exit 0;; *) exit $$code;; esac

test: $(READY) ## lint, types, layers, tests; CI runs this
	@$(MAKE) --no-print-directory -j 2 types warm lint layers
	@$(MAKE) --no-print-directory pytest

lint: $(READY) ## ruff: style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict
	@$(BIN)/mypy

layers: $(READY) ## the rooms' one direction, and who may import what
	@$(BIN)/lint-imports

warm: $(READY) ## what is compiled once on a machine, so that no test compiles it beside others
	@$(BIN)/python -m tests.warm

pytest: $(READY) ## the tests alone: those that measure a whole machine, then the others side by side
	@export REHEARSED=$$(mktemp -d) && trap 'rm -rf "$$REHEARSED"' EXIT && \
	  $(BIN)/python -m pytest -q -m "alone and not torture" \
	    $$(grep -rlw --include='test_*.py' 'mark\.alone' tests) && \
	  $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not torture and not alone"

bench: $(READY) ## speed as ratios against references, medians of several
	@$(BIN)/python -m pytest -q tests/benchmarks --override-ini 'python_files=bench_*.py' -s --timeout 1800

study: $(READY) ## from a new seed (SEED=N): both resolutions on drawn scenarios, into sim/README.md; plan's answer by message
	@$(BIN)/python -m tests.study.agreement --seed $(SEED) --write
	@$(BIN)/python -m tests.benchmarks.study_plan --seed $(SEED) --write

torture: $(READY) ## every stage of a rehearsal with every signal, what else is long and rough, laws on new examples
	@$(BIN)/python -m pytest -q -m torture
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m hypothesis --hypothesis-profile anew

soak: $(READY) ## one hour of load, 3.6 million requests and more, in flat memory
	@$(BIN)/python tests/benchmarks/soak.py --for 1h

facts: $(READY) ## the published figures and assumptions that each shipped scenario rests on
	@for s in $$($(BIN)/peakday scenarios --json | $(BIN)/python -c 'import json,sys; [print(s["name"]) for s in json.load(sys.stdin)["scenarios"]]'); do \
	  $(BIN)/peakday show $$s; done

lock: ## resolve requirements.lock anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements.lock

demo: rehearse ## the same as rehearse

clean: ## the virtual environment, caches and runs
	rm -rf $(VENV) runs dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
