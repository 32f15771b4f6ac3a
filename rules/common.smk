# Reads and validates the config, closes the wildcards and hands each rule its slice of the config. No rule in here.

import contextlib
import os
import sys
import threading

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config
from tunelab.config.documents import read_document, restore_nulls
from tunelab.config.loading import load_config
from tunelab.config.selection import settle_selection
from tunelab.config.specs.training import PREFERENCES, SAMPLING, SIGNALLING
from tunelab.config.study import REPEATS, Study
from tunelab.config.templates import TRL as TRL_TEMPLATES
from tunelab.errors import UserError
from tunelab.files import check_writable
from tunelab.jobs.code_hashes import remember_code
from tunelab.jobs.console import accept_all_text
from tunelab.jobs.cores import limit_cores
from tunelab.jobs.failures import describe_failures, offer_partial
from tunelab.jobs.fetched import check_fetched
from tunelab.jobs.frozen import Plan, freeze_study, load_frozen
from tunelab.jobs.gpus import check_processes, promise_gpus
from tunelab.jobs.function_files import check_functions
from tunelab.jobs.functions import list_uses
from tunelab.jobs.job import name_job
from tunelab.jobs.layout import list_local_files, list_template_files
from tunelab.jobs.makers import describe_rules
from tunelab.jobs.processes import held_lock, quote_interpreter
from tunelab.jobs.provenance import build_facts
from tunelab.jobs.slices import Slices
from tunelab.jobs.tracking import track
from tunelab.jobs.wildcards import match_names as only
from tunelab.reporting.labels import check_labels
from tunelab.upkeep.claims import read_taken
from tunelab.watching.display import watch_study

IS_MODULE = not workflow.modifier.is_main_snakefile()

quote_interpreter()

if not IS_MODULE:
    accept_all_text()
    watch_study(workflow)
    if workflow.resource_settings.cores and not workflow.resource_settings.nodes:  # its own cores, not a cluster's
        workflow.global_resources["_cores"] = limit_cores(workflow.resource_settings.cores)


# of what tells in seconds that hours of work would be in vain
EARLY = 100

# where the main process tells those of a cluster's jobs which study it planned
FROZEN = "TUNELAB_FROZEN_STUDY"

# a module's config is what its user's `config:` says, as an overlay; else the default study may lie elsewhere too
if IS_MODULE:
    OVERLAYS = []
    SOURCE = f"The config of the module {workflow.modifier.namespace}"
    DEFAULT = own("config/config.yaml")
    changes, config = config, read_document(Path(DEFAULT))
    update_config(config, changes)
else:
    OVERLAYS = [os.path.relpath(file) for file in workflow.overwrite_configfiles or []]
    DEFAULT = "config/config.yaml" if os.path.isfile("config/config.yaml") else own("config/config.yaml")
    SOURCE = ", ".join(OVERLAYS) or DEFAULT
    changes = restore_nulls(workflow.config_settings.config)  # on the command line

    configfile: DEFAULT

    # Snakemake has merged the texts `null`; this puts nulls in their places
    update_config(config, changes)


try:
    if workflow.is_main_process or FROZEN not in os.environ:
        layers = [*map(read_document, map(Path, [DEFAULT, *OVERLAYS])), changes]
        SETTLED = settle_selection(config, layers)
        GPUS = promise_gpus(workflow.global_resources, cluster=bool(workflow.resource_settings.nodes))
        CFG = load_config(SETTLED, SOURCE, map(Path, [DEFAULT, *OVERLAYS]), config)
        check_processes({run: CFG.runs[run] for run in CFG.trained}, workflow.global_resources)
        # what jobs took before, from which those of a cluster claim what they need
        TAKEN = read_taken(Path(CFG.study.results)) if workflow.resource_settings.nodes else None
    else:
        SETTLED, GPUS, TAKEN = load_frozen(os.environ[FROZEN], SCRIPTS)
        CFG = load_config(SETTLED, SOURCE)
    # Snakemake puts the prefix of a module before the paths of rules; scripts are told where that leads
    RESULTS = CFG.study.results
    CFG = CFG.with_places(workflow.modifier.path_modifier.replace_prefix(RESULTS), find_text)
    if workflow.is_main_process:
        # a dry run writes there as well
        check_writable(Path(".snakemake"), Path(".snakemake/iocache/latest.pkl"))
        check_fetched(CFG, SETTLED, SOURCE)
        check_functions(CFG, SETTLED, SOURCE, SCRIPTS)
        check_labels(CFG, SETTLED, SOURCE)
except UserError as error:
    raise SystemExit(str(error)) from None

# the parts of the config by stage, and the selected runs, seeds and tasks
SLICES = Slices(CFG)
STUDY = Study(SLICES.whole)


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


if workflow.pathvars.apply("<results> <logs>") != f"{RESULTS} {RESULTS}/logs" or (
    workflow.modifier.path_modifier.modifies_prefixes
):
    raise SystemExit(
        "A module's files lie where study.results in its `config:` says, below its `prefix:` if it has one; leave out "
        "`replace_prefix:`, and the path variables results and logs."
    )


wildcard_constraints:
    repeat=only(REPEATS if CFG.noise else []),
    model=only(CFG.models),
    dataset=only(CFG.datasets),
    run=only(CFG.runs),
    task=only(CFG.tasks),
    samples=only(CFG.samples),
    seed=r"\d+",


def claim_folder():
    """Refuse to run beside another Snakemake in this folder.

    It stands in for Snakemake's own locks, which outlive a killed process; the kernel drops this one.
    """

    def refuse():
        raise WorkflowError("Another Snakemake is running in this folder; wait until it ends, or stop it.")

    workflow.claim = contextlib.ExitStack()
    try:
        check_writable(Path(RESULTS), Path("work"))
        workflow.claim.enter_context(held_lock(Path(".snakemake/running.lock"), refuse))
    except UserError as error:
        raise WorkflowError(str(error)) from None


onstart:
    claim_folder()
    # Snakemake's answer to SIGTERM takes a lock that the code it interrupts may hold, and then waits for ever
    workflow.scheduler._lock = threading.RLock()
    os.environ[FROZEN] = str(
        freeze_study(
            Plan(SETTLED, GPUS, TAKEN), SCRIPTS, Path(".snakemake/frozen"), {use.file for use in list_uses(CFG)}
        )
    )
    remember_code()


onerror:
    if failed := workflow.scheduler.failed:
        titles = {name_job(job.rule.name, job.wildcards_dict): Path(job.log[0]) for job in failed}
        by_make = not (IS_MODULE or changes or LACKING) and os.path.samefile(PROJECT, os.curdir)
        print(describe_failures(titles, offer_partial(OVERLAYS) if by_make else ""), file=sys.stderr)


# --- what a rule's params are made of ---------------------------------------------------------------------------------

TRAIN_PACKAGES = ["torch", "transformers", "trl", "peft", "accelerate", "tokenizers"]
RUN_PACKAGES = ["torch", "transformers", "peft", "tokenizers"]


def stage_facts(name, section, script, packages=(), modules=()):
    return build_facts(name, section, SCRIPTS / script, packages, modules)


def train_facts(run, seed):
    """List what a training depends on; bitsandbytes matters only where it is used."""
    spec = CFG.runs[run]
    packages = [*TRAIN_PACKAGES, *(["bitsandbytes"] if spec.uses_bitsandbytes else [])]
    scripts = dict.fromkeys(SAMPLING, "train_grpo.py") | dict.fromkeys(PREFERENCES, "train_preferences.py")
    script, modules = scripts.get(spec.method, f"train_{spec.method}.py"), function_modules(list_rewards(spec))
    return stage_facts(f"runs.{run}", SLICES.run(run) | {"seed": seed}, script, packages, modules)


def task_facts(script, packages, include, exclude=None, tasks=CFG.tasks):
    """List what a stage depends on, some fields of a task, and the tasks that it is for."""

    def facts(task):
        return stage_facts(f"tasks.{task}", SLICES.task(task, include, exclude), script, packages)

    return facts, [(name,) for name in tasks]


def template_packages(model):
    """List the package that a bundled template comes from, if TRL brings it."""
    return ["trl"] if CFG.models[model].chat_template in TRL_TEMPLATES else []


def untracked(value):
    """Hand a value to a script; Snakemake does not compare functions that name `input`, since the facts do it."""
    return lambda wildcards, input: value
