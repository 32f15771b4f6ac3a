# Reads and validates the config, closes the wildcards and hands each rule its slice of the config. No rule in here.

import contextlib
import os
import sys
from copy import deepcopy

from snakemake.utils import update_config
from tunelab.config.documents import check_typed, read_document, restore_nulls
from tunelab.config.loading import load_config
from tunelab.config.selection import settle_selection
from tunelab.config.methods import METHODS, PREFERENCES, REWARDED, SIGNALLING
from tunelab.config.study import REPEATS, Study
from tunelab.errors import UserError
from tunelab.files import check_writable
from tunelab.jobs.console import accept_all_text
from tunelab.jobs.failures import describe_failures, offer_partial
from tunelab.jobs.fetched import check_fetched
from tunelab.jobs.forced import announce_forced
from tunelab.jobs.frozen import Plan, freeze_study, load_frozen
from tunelab.jobs.functions import check_functions, list_uses
from tunelab.jobs.hardware import check_processes, promise_gpus
from tunelab.jobs.job import name_job
from tunelab.jobs.layout import list_local_files, list_template_files
from tunelab.jobs.looks import note_due, read_ledger
from tunelab.jobs.makers import describe_rules, list_shown
from tunelab.jobs.partial import load_partial
from tunelab.jobs.provenance import remember_code
from tunelab.jobs.seed_plan import plan_seeds
from tunelab.jobs.slices import Slices
from tunelab.jobs.snakemake_internals import (
    compare_facts_alone,
    list_failed,
    list_rules_to_run,
    quote_interpreter,
    respect_quotas,
)
from tunelab.jobs.stopping import STOPPED, is_stopping, stop_jobs_when_asked
from tunelab.jobs.wildcards import match_names as only
from tunelab.jobs.working_folder import claimed_folder, describe_other, note_study
from tunelab.reporting.labels import check_labels
from tunelab.upkeep.early_checks import check_inputs
from tunelab.upkeep.resources import read_taken
from tunelab.upkeep.missing import leaves_a_page
from tunelab.watching.display import watch_study

IS_MODULE = not workflow.modifier.is_main_snakefile()

quote_interpreter()
compare_facts_alone()

if not IS_MODULE:
    accept_all_text()
    if workflow.is_main_process:
        stop_jobs_when_asked()
    watch_study(workflow)
    respect_quotas(workflow)


# the priority of checks that take seconds and may save hours
EARLY = 100

# where the main process tells those of a cluster's jobs which study it planned
FROZEN = "TUNELAB_FROZEN_STUDY"

# a module's config is what its user's `config:` says, as an overlay; else the default study may lie elsewhere too
OVERLAYS = [] if IS_MODULE else [os.path.relpath(file) for file in workflow.overwrite_configfiles or []]
OWN = not IS_MODULE and os.path.isfile("config/config.yaml")
DEFAULT = "config/config.yaml" if OWN else own("config/config.yaml")
try:
    # before Snakemake reads the default config, since it names no line
    layers = [*map(read_document, map(Path, [DEFAULT, *OVERLAYS]))]
    # on the command line
    GIVEN = {} if IS_MODULE else restore_nulls(workflow.config_settings.config)
    check_typed(GIVEN)
except UserError as error:
    raise SystemExit(str(error)) from None

if IS_MODULE:
    NAMED = SOURCE = f"The config of the module {workflow.modifier.namespace}"
    changes, config = config, deepcopy(layers[0])
    update_config(config, changes)
else:
    NAMED = ", ".join(OVERLAYS) or DEFAULT
    SOURCE = ", ".join([NAMED, *(["--config"] if GIVEN else [])])
    changes = GIVEN

    configfile: DEFAULT

    # Snakemake has merged the texts `null`; this puts nulls in their places
    update_config(config, changes)


# of a partial report, what it lacks and why
PARTIAL = load_partial()

try:
    if workflow.is_main_process or FROZEN not in os.environ:
        SETTLED = settle_selection(config, [*layers, changes])
        GPUS = promise_gpus(workflow.global_resources, cluster=bool(workflow.resource_settings.nodes))
        CFG = load_config(SETTLED, NAMED, map(Path, [DEFAULT, *OVERLAYS]), config, GIVEN)
        check_processes({run: CFG.runs[run] for run in CFG.trained}, workflow.global_resources)
        # what jobs took before, from which those of a cluster claim what they need
        TAKEN = read_taken(Path(CFG.study.results)) if workflow.resource_settings.nodes else None
    else:
        SETTLED, SEEDS, GPUS, TAKEN = load_frozen(os.environ[FROZEN], SCRIPTS)
        CFG = load_config(SETTLED, NAMED)
    # Snakemake puts the prefix of a module before the paths of rules; scripts are told where that leads
    RESULTS = CFG.study.results
    CFG = CFG.with_places(workflow.modifier.path_modifier.replace_prefix(RESULTS), find_text)
    if workflow.is_main_process or FROZEN not in os.environ:
        SEEDS = PARTIAL["seeds"] if PARTIAL else plan_seeds(CFG, read_ledger(CFG.study.results))
    CFG = CFG.with_seeds(SEEDS)
    # the parts of the config by stage, and the selected runs, seeds and tasks
    SLICES = Slices(CFG)
    STUDY = Study(SLICES.whole)
    if workflow.is_main_process:
        # a dry run writes there as well
        check_writable(Path(".snakemake"), Path(".snakemake/iocache/latest.pkl"))
        check_fetched(CFG, SETTLED, SOURCE)
        check_functions(CFG, SETTLED, SOURCE, SCRIPTS)
        check_labels(CFG, SETTLED, SOURCE)
        check_inputs(CFG, SLICES.learnt["study"]["runs"], GPUS)
        if not IS_MODULE and (other := describe_other(RESULTS, OVERLAYS or [DEFAULT], CFG.study.title)):
            print(other, file=sys.stderr)
except UserError as error:
    raise SystemExit(str(error)) from None


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
    run=only([*CFG.runs, *CFG.waypoints]),
    task=only(CFG.tasks),
    samples=only(CFG.samples),
    seed=r"\d+",


def claim_folder():
    """Refuse to run beside another program in this folder, or where nothing can be written."""
    workflow.claim = contextlib.ExitStack()
    try:
        check_writable(Path(RESULTS), Path("work"))
        workflow.claim.enter_context(claimed_folder(f"The study {SOURCE} ({RESULTS})"))
    except UserError as error:
        raise SystemExit(str(error)) from None


onstart:
    stop_jobs_when_asked()
    claim_folder()
    os.environ[FROZEN] = str(
        freeze_study(
            Plan(SETTLED, SEEDS, GPUS, TAKEN),
            SCRIPTS,
            Path(".snakemake/frozen"),
            {use.file for use in list_uses(CFG)},
        )
    )
    announce_forced(workflow.dag_settings)
    if "render_report" in list_rules_to_run(workflow):
        note_study(RESULTS, OVERLAYS or [DEFAULT])
    remember_code()


onsuccess:
    if not PARTIAL and plan_seeds(CFG, ledger := read_ledger(CFG.study.results)) != SEEDS:
        print(note_due(STUDY, ledger), file=sys.stderr)


onerror:
    if failed := list_failed(workflow):
        titles = {name_job(job.rule.name, job.wildcards_dict): Path(job.log[0]) for job in failed}
        by_make = not (IS_MODULE or GIVEN or LACKING) and os.path.samefile(PROJECT, os.curdir)
        offer = offer_partial(OVERLAYS) if by_make and leaves_a_page(CFG, workflow.dag, failed) else ""
        print(describe_failures(titles, offer), file=sys.stderr)
    if is_stopping():
        raise SystemExit(STOPPED)  # instead of Snakemake's word that a job failed
