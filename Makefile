# What people type here. `make help` lists it.
VENV := .venv
PYTHON ?= python3
CORES ?= all
# the study: CONFIG=config/blog.yaml overlays the default one
CONFIG ?=
SNAKEMAKE := $(VENV)/bin/snakemake --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG))

.PHONY: help setup report test plan ask lint schema
help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/ready ## create .venv with the exact versions of requirements.lock

$(VENV)/ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	touch $@

report: setup ## make the report, or bring it up to date
	$(SNAKEMAKE)

plan: setup ## list what would run now, and why
	$(SNAKEMAKE) --dry-run

ask: setup ## put a question to all runs, or to one: make ask RUN=lora Q="Why is the sky blue?"
	@$(VENV)/bin/python scripts/ask_runs.py "$(Q)" $(if $(CONFIG),--configfile $(CONFIG)) $(if $(RUN),--run $(RUN)) $(if $(TASK),--task $(TASK))

test: setup lint ## check the code and run all tests
	$(VENV)/bin/python -m pytest

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile rules

schema: setup ## write config/schema.json and the lists of TRL's and PEFT's fields again
	PYTHONPATH=scripts $(VENV)/bin/python -m tunelab.schema
