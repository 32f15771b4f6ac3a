# What people type here. `make help` lists it.
VENV := .venv
PYTHON ?= python3
# a cluster's nodes have cores of their own
CORES ?= $(if $(PROFILE),,all)
# which targets take what is typed; a variable that none of them takes would be passed over without a word
ALL_TAKE := CORES PROFILE PYTHON VENV TORCH UV
TAKE_CONFIG := report paper bundle plan verify clean-stale bench bench-growth gpu-check reproduce-check provenance ask status compare
TAKE_PARTIAL := report paper bundle
TAKE_NAME := new-study compare
TAKE_FILES := compare
TAKE_METRICS := compare
TAKE_TASKS := compare
TAKE_DATA := new-study
TAKE_MODEL := new-study
TAKE_TITLE := new-study
TAKE_QUESTION := new-study
TAKE_ANSWER := new-study
TAKE_TUNE := new-study
TAKE_Q := ask
TAKE_RUN := ask
TAKE_TASK := ask
TAKE_YES := clean-stale
TAKE_ROUNDS := bench
TAKE_RUNS := bench
TAKE_JOBS := gpu-check
TAKE_UPGRADE := lock
TAKE_TESTS := test-coverage
# make test hands it on to the others
TAKE_PROGRAMS := test programs lint
GOALS := $(or $(MAKECMDGOALS),help)
typed = $(filter command,$(firstword $(origin $(1))))
BY_FILE = a study is named by its file, CONFIG=config/$(if $(call typed,NAME),$(value NAME),mine).yaml
FOREIGN = make $(GOALS) takes no $(1)=, which is for make $(TAKE_$(1))$(if $(filter NAME DATA MODEL TITLE QUESTION ANSWER,$(1)),; $(BY_FILE))
UNKNOWN = there is no variable $(1)= here; $(BY_FILE), and make help lists what there is
check = $(if $(filter $(1),$(ALL_TAKE))$(filter $(TAKE_$(1)),$(GOALS)),,$(error $(if $(TAKE_$(1)),$(FOREIGN),$(UNKNOWN))))
$(foreach name,$(.VARIABLES),$(if $(call typed,$(name)),$(call check,$(name))))
FILES_AS_GOALS := $(filter %.yaml %.yml %.json,$(GOALS))
$(if $(FILES_AS_GOALS),$(error $(FILES_AS_GOALS) is no target; $(BY_FILE)))

# what people type reaches the programs as it is typed: make does not expand it, and the shell does not read it
override Q := $(value Q)
override RUN := $(value RUN)
override TASK := $(value TASK)
override CONFIG := $(value CONFIG)
override PROFILE := $(value PROFILE)
export Q RUN TASK
quote = '$(subst ','\'',$(1))'
# the study: CONFIG=config/blog.yaml overlays the default one; the name of one file may hold spaces, and those of several
# with a backslash before each
FILES = $(foreach file,$(subst \ ,<space>,$(CONFIG)),$(call quote,$(subst <space>, ,$(file))))
ALONE := $(if $(CONFIG),$(shell test -f $(call quote,$(CONFIG)) && echo 1))
STUDY := $(if $(CONFIG),--configfile $(if $(ALONE),$(call quote,$(CONFIG)),$(FILES)))
# where and how jobs run: PROFILE=slurm, or a folder of your own
RUNTIME := $(if $(PROFILE),--profile $(call quote,$(if $(wildcard profiles/$(PROFILE)),profiles/)$(PROFILE)))
# where programs keep what they fetch or compute once; Snakemake, uv and others need a place even without a home
CACHE := $(shell place="$${XDG_CACHE_HOME:-$$HOME/.cache}"; mkdir -p "$$place" 2>/dev/null && test -w "$$place" && echo "$$place")
export XDG_CACHE_HOME := $(or $(CACHE),$(CURDIR)/.snakemake/cache)
# one thread for each of the processes that run side by side: more would only wait for each other; and jobs' threads
# that wait shall sleep, since what they wait for has no core of its own; and no file is compiled twice; and what was typed
# after this make is not handed on to those that tests call
PYTEST := MAKEFLAGS= PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(VENV)/bin/python -m pytest --numprocesses 5 --dist loadfile --no-loadscope-reorder
# the one that set-up put into .venv, or the one that was there
UV = $(firstword $(wildcard $(VENV)/bin/uv) uv)
# a run leaves it behind when another look is due (tunelab.jobs.looks)
DUE := .snakemake/look_due
SNAKEMAKE := $(VENV)/bin/snakemake $(if $(CORES),--cores $(CORES)) $(RUNTIME) $(STUDY)

.PHONY: help compare setup setup-tests setup-profile again lock new-study report paper bundle plan status verify clean-stale bench bench-growth gpu-check reproduce-check provenance ask test test-fast lint simulate-intervals simulate-looks test-coverage schema programs
help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup: $(VENV)/ready ## create .venv with the exact files of requirements.lock (TORCH=cpu or default: that PyTorch)

# a TORCH that is named sets up again; otherwise one that is there stays
$(VENV)/ready: requirements.lock envs/torch-cpu.txt $(if $(TORCH),again)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python envs/install.py requirements.lock $(TORCH)
	touch $@

setup-tests: $(VENV)/ready-for-test
setup-profile: $(if $(wildcard requirements-$(PROFILE).lock),$(VENV)/ready-for-$(PROFILE))
# what some need besides
$(VENV)/ready-for-%: requirements-%.lock $(VENV)/ready
	$(VENV)/bin/python envs/install.py $<
	touch $@

# versions stay as long as they fit; PyPI is asked, or UV_DEFAULT_INDEX
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(addprefix --upgrade-package ,$(UPGRADE))
lock: setup ## write the lock files again from pyproject.toml; UPGRADE=trl takes the newest trl that fits
	$(LOCK) --output-file requirements.lock pyproject.toml
	for group in compare slurm test; do \
		$(LOCK) --output-file requirements-$$group.lock --group $$group --constraint requirements.lock || exit; done

# as the shell takes it, whatever it holds
quoted = '$(subst ','\'',$(value $(1)))'
new-study: setup ## write config/NAME.yaml for rows of yours: make new-study NAME=mine DATA=my.jsonl MODEL=org/name
	@$(VENV)/bin/python scripts/new_study.py --name=$(call quoted,NAME) --model=$(call quoted,MODEL) --data=$(call quoted,DATA) \
		--title=$(call quoted,TITLE) --question=$(call quoted,QUESTION) --answer=$(call quoted,ANSWER) $(if $(TUNE),--tune)

report: GOAL := ## make the report, or bring it up to date (PARTIAL=1: of what is there; PROFILE=slurm: on a cluster)
paper: GOAL := -- compile_paper ## write the study as a paper, in LaTeX and as a PDF (PARTIAL=1 as above)
bundle: GOAL := -- pack_bundle ## pack page, numbers, answers and provenance into one zip for an archive (an RO-Crate)
report paper bundle: setup setup-profile
ifdef PARTIAL
	@$(VENV)/bin/python scripts/report_partial.py --cores $(or $(CORES),all) $(STUDY) $(GOAL)
else
ifdef CONFIG
	@$(VENV)/bin/python scripts/check_overlays.py $(STUDY)
endif
	@rm -f $(DUE)
	$(SNAKEMAKE) $(GOAL)
	@while test -e $(DUE); do rm $(DUE); $(SNAKEMAKE) $(GOAL) || exit; done
endif

plan: setup ## tell what would run now, why, and what each stage took last time
	@$(VENV)/bin/python scripts/plan_jobs.py $(STUDY)

status: setup ## tell how far the study is that runs in another terminal or on a cluster
	@$(VENV)/bin/python scripts/show_status.py

verify: setup ## hash every artefact again and name what is not as its provenance card says
	@$(VENV)/bin/python scripts/verify_artefacts.py $(STUDY)

clean-stale: setup ## list what no config refers to, and remove it after asking (YES=1: without)
	@$(VENV)/bin/python scripts/clean_stale.py $(STUDY) $(if $(YES),--yes)

bench: setup ## time training steps beside plain TRL scripts (ROUNDS=3, RUNS="lora grpo"); leave the machine alone
	@$(VENV)/bin/python scripts/bench_training.py $(STUDY) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(RUNS),--runs $(RUNS))

bench-growth: setup ## tell how a step's cost grows with batch, group and lengths, and planning with the runs
	@$(VENV)/bin/python scripts/bench_growth.py $(STUDY)

gpu-check: setup ## run a study of a few minutes on a GPU, and print one table of what it did (JOBS=1 for exact times)
	@$(VENV)/bin/python scripts/gpu_check.py $(STUDY) $(if $(JOBS),--jobs $(JOBS))

reproduce-check: setup ## run the smoke study in two fresh clones and compare what they wrote
	@$(VENV)/bin/python scripts/check_reproducibility.py $(STUDY)

provenance: setup ## write provenance.html beside the study's page: how each artefact was made
	@$(VENV)/bin/python scripts/report_provenance.py $(STUDY)

ask: setup ## put a question to all runs, or to one: make ask RUN=lora Q="Why is the sky blue?"
	@$(VENV)/bin/python scripts/ask_runs.py $(STUDY) $(if $(RUN),--run="$$RUN") $(if $(TASK),--task="$$TASK") -- "$$Q"

# a small environment of its own, for those who train nothing
$(VENV)-compare/ready: requirements-compare.lock
	$(PYTHON) -m venv $(VENV)-compare
	$(VENV)-compare/bin/python -m pip install --quiet --no-compile --require-hashes --requirement $<
	touch $@

compare: $(VENV)-compare/ready ## compare evaluation logs: make compare FILES="base=a/samples.jsonl tuned=b1/s.jsonl,b2/s.jsonl"
	@$(VENV)-compare/bin/python scripts/compare_logs.py $(STUDY) --files=$(call quoted,FILES) --metrics=$(call quoted,METRICS) \
		--tasks=$(call quoted,TASKS) $(if $(NAME),--name=$(call quoted,NAME))

# the longest files first, one for each process; the killed study waits more than it works
ALL_TESTS := tests/smoke tests/dag tests/browser tests/unit tests/contract
# side by side where nobody can be asked; tests say what is missing when it was not installed
test: ## check the code and run all tests (PROGRAMS=none: without installing anything outside .venv)
	@test -t 0 || exec $(MAKE) --jobs=2 programs lint; $(MAKE) programs && $(MAKE) lint
	$(PYTEST) $(ALL_TESTS)

test-fast: setup-tests lint ## check the code and run the tests that neither train nor plan a study nor open a browser
	$(PYTEST) -m "not slow" tests/unit tests/contract

# coverage starts itself in every Python that finds these variables; what failed is told with the report
MEASURED := COVERAGE_PROCESS_START="$(CURDIR)/pyproject.toml" COVERAGE_FILE="$(CURDIR)/.coverage"
test-coverage: setup-tests ## name the lines of the library that no test runs (TESTS=tests/unit/data: none of these tests)
	$(VENV)/bin/coverage erase
	$(MEASURED) $(PYTEST) $(or $(TESTS),$(ALL_TESTS)); failed=$$?; export PYTHONPATH=scripts; \
		$(VENV)/bin/coverage combine --quiet && $(VENV)/bin/coverage report && exit $$failed

programs: ## install what tests use besides Python (Debian, Ubuntu), after asking: a browser, LaTeX, fonts, a Slurm (as root)
	@$(PYTHON) envs/programs.py $(PROGRAMS)

lint: setup-tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile rules
	PYTHONPATH=scripts $(VENV)/bin/lint-imports --no-cache
	cat reports/report_*.js | $(VENV)/bin/deno lint --quiet -
	$(VENV)/bin/pyrefly check --min-severity error --python-interpreter-path $(VENV)/bin/python

simulate-intervals: setup ## simulate how often intervals over seeds hold the truth, for reports/coverage.json (half an hour)
	PYTHONPATH=scripts $(VENV)/bin/python -m tunelab.upkeep.interval_simulation

simulate-looks: setup ## simulate false alarms and power of looks while seeds are added, for reports/looks.json (half an hour)
	PYTHONPATH=scripts $(VENV)/bin/python -m tunelab.upkeep.look_simulation

schema: setup ## write config/schema.json and the lists of TRL's and PEFT's fields again
	PYTHONPATH=scripts $(VENV)/bin/python -m tunelab.upkeep.schema
