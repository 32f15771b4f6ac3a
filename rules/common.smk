# Validates the config, closes the wildcards and hands each rule its slice of the config. No rule in here.

import contextlib
import functools
import inspect
import os
import re
import shutil
import sys
from pathlib import Path

SCRIPTS = Path(workflow.basedir, "scripts")
sys.path.insert(0, str(SCRIPTS))

from snakemake.exceptions import WorkflowError
from tunelab.config.loading import load_config
from tunelab.errors import UserError
from tunelab.jobs.failures import find_reason
from tunelab.jobs.frozen import freeze_study, load_frozen
from tunelab.jobs.processes import held_lock
from tunelab.jobs.provenance import build_facts

# evaluations run two at a time, so that one's start-up, which is single-threaded, hides behind the other's work
HALF_OF_CORES = max(1, (workflow.cores or 1) // 2)
# how much of the `gpu` resource a heavy job claims; the default profile offers one, so jobs take turns on a GPU
GPUS = 1 if shutil.which("nvidia-smi") else 0

# where the main process tells those of a cluster's jobs which study it planned
FROZEN = "TUNELAB_FROZEN_STUDY"

CONFIG_FILES = ["config/config.yaml", *map(os.path.relpath, workflow.overwrite_configfiles or [])]

try:
    if workflow.is_main_process or FROZEN not in os.environ:
        CFG = load_config(config, CONFIG_FILES[-1], map(Path, CONFIG_FILES))
    else:
        CFG = load_config(load_frozen(os.environ[FROZEN], SCRIPTS), CONFIG_FILES[-1])
except UserError as error:
    raise SystemExit(str(error)) from None


pathvars:
    results=CFG.study.results,
    logs=f"{CFG.study.results}/logs",
    benchmarks=f"{CFG.study.results}/benchmarks",


def only(names):
    """Return a wildcard constraint that matches exactly these names (nothing, when there are none)."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


TRAINED = [name for name, run in CFG.runs.items() if run.method != "base"]


def runs_of(method, adapter):
    """List the defined runs of a method whose artefact is an adapter, or a whole model."""
    return [name for name in TRAINED if CFG.runs[name].method == method and CFG.keeps_adapter(name) == adapter]


def claim_folder():
    """Refuse to run beside another Snakemake in this folder.

    It stands in for Snakemake's own locks, which outlive a killed process; the kernel drops this one.
    """

    def refuse():
        raise WorkflowError("Another Snakemake is running in this folder; wait until it ends, or stop it.")

    workflow.claim = contextlib.ExitStack()
    workflow.claim.enter_context(held_lock(Path(".snakemake/running.lock"), refuse))


def describe_failures(jobs):
    """Name every failed job with its reason in a line and its log."""
    logs = {" ".join([job.rule.name, *job.wildcards_dict.values()]): Path(job.log[0]) for job in jobs}
    lines = [f"  {title}: {find_reason(log)}\n    log: {log}" for title, log in sorted(logs.items())]
    count = f"{len(jobs)} jobs" if len(jobs) > 1 else "1 job"
    return "\n".join(
        [
            f"{count} failed:",
            *lines,
            "What does not depend on this is finished; the report needs all its parts. Once it is mended, the same "
            "command goes on from here.",
        ]
    )


onstart:
    claim_folder()
    os.environ[FROZEN] = str(freeze_study(config, SCRIPTS, Path(".snakemake/frozen")))


onerror:
    if workflow.scheduler.failed:
        print(describe_failures(workflow.scheduler.failed), file=sys.stderr)


# what the drift section measures, the further evaluations of the noise section, tasks with several answers a question
DRIFT = CFG.drift.model_dump(mode="json") | {"tasks": sorted(CFG.study.tasks)} if CFG.drift else {}
REPEATS = ["again", "rebatched"] if CFG.noise else []
SAMPLED_TASKS = [name for name, task in CFG.tasks.items() if task.sampling]


wildcard_constraints:
    repeat=only(REPEATS),
    model=only(CFG.models),
    dataset=only(CFG.datasets),
    run=only(CFG.runs),
    task=only(CFG.tasks),
    seed=r"\d+",


def track(facts, domain):
    """Spread a stage's facts over positional params, which Snakemake compares one by one.

    `facts` takes wildcards' values by name; `domain` lists all their combinations. Every combination gets the same
    number of slots, the spare ones empty. Facts come through functions, so that braces in them stay literal.
    """
    names = list(inspect.signature(facts).parameters)
    build = functools.cache(facts)
    slots = max((len(build(*key)) for key in domain), default=0) + 1

    def fill(index):
        return lambda wildcards: [*build(*(wildcards[name] for name in names)), *[""] * slots][index]

    return [fill(index) for index in range(slots)]


def stage_facts(name, section, script, packages=(), modules=()):
    return build_facts(name, section, SCRIPTS / script, packages, modules)


def local_files(spec):
    """List the user's own files behind a model or data set, so that an edit of one is seen.

    Missing ones are left for the fetching stage, which explains what it looked for.
    """
    if spec.source != "local":
        return []
    named = sorted(Path(spec.path).glob("*")) if hasattr(spec, "path") else map(Path, spec.files + spec.test_files)
    return [str(file) for file in named if file.is_file()]


def model_card(run):
    return f"<results>/models/{CFG.runs[run].model}/card.json"


def weights_of(run, seed):
    """List the files that a run publishes: none for the untouched model, else weights and their config."""
    if CFG.runs[run].method == "base":
        return []
    folder, stem = ("adapter", "adapter_") if CFG.keeps_adapter(run) else ("model", "")
    files = ("adapter_model.safetensors", "adapter_config.json") if stem else ("model.safetensors", "config.json")
    return [f"<results>/runs/{run}/seed{seed}/{folder}/{file}" for file in files]


def model_readme(run, seed):
    return f"{Path(weights_of(run, seed)[0]).parent}/README.md"


TRAIN_PACKAGES = ["torch", "transformers", "trl", "peft", "accelerate", "tokenizers"]
RUN_PACKAGES = ["torch", "transformers", "peft", "tokenizers"]


def describe_run(run):
    """Return a run's section without its display name, which no training and no adapter depends on."""
    return CFG.runs[run].model_dump(mode="json", exclude={"label"})


def train_facts(run, seed):
    """List what a training depends on; bitsandbytes matters only to quantised runs."""
    spec = CFG.runs[run]
    packages = [*TRAIN_PACKAGES, *(["bitsandbytes"] if spec.quantization else [])]
    return stage_facts(f"runs.{run}", describe_run(run) | {"seed": seed}, f"train_{spec.method}.py", packages)


def train_input(wildcards, split):
    return f"<results>/datasets/{CFG.runs[wildcards.run].dataset}/{split}_dataset.json"


def start_weights(wildcards):
    """List what the run's `init_from` publishes for the same seed, if it has one."""
    source = CFG.runs[wildcards.run].init_from
    return weights_of(source, wildcards.seed) if source else []


def test_rows(task):
    return f"<results>/datasets/{CFG.tasks[task].dataset}/test_dataset.json"


def task_references(wildcards):
    return test_rows(wildcards.task)


def measured_arm(wildcards):
    """Return the run and seed whose weights a job measures: its wildcards', or those that the noise section repeats."""
    if "run" in wildcards.keys():
        return wildcards.run, wildcards.seed
    return CFG.noise.run, CFG.list_seeds(CFG.noise.run)[0]
