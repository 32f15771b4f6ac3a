# Validates the config, closes the wildcards and hands each rule its slice of the config. No rule in here.

import fcntl
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
from tunelab.config import load_config
from tunelab.errors import UserError
from tunelab.provenance import build_facts

# evaluations run two at a time, so that one's start-up, which is single-threaded, hides behind the other's work
HALF_OF_CORES = max(1, (workflow.cores or 1) // 2)
# how much of the `gpu` resource a heavy job claims; the default profile offers one, so jobs take turns on a GPU
GPUS = 1 if shutil.which("nvidia-smi") else 0

try:
    CFG = load_config(config, ", ".join(map(str, workflow.overwrite_configfiles or ["config/config.yaml"])))
except UserError as error:
    raise SystemExit(str(error)) from None


pathvars:
    results=CFG.study.results,
    logs=f"{CFG.study.results}/logs",
    benchmarks=f"{CFG.study.results}/benchmarks",


def only(names):
    """Return a wildcard constraint that matches exactly these names (nothing, when there are none)."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def runs_of(method, adapter):
    """List the defined runs of a method whose artefact is an adapter, or a whole model."""
    return [name for name, run in CFG.runs.items() if run.method == method and CFG.keeps_adapter(name) == adapter]


def claim_folder():
    """Refuse to run beside another Snakemake in this folder, and return the lock that says so.

    It stands in for Snakemake's own locks, which outlive a killed process; the kernel drops this one.
    """
    lock = open(".snakemake/running.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorkflowError("Another Snakemake is running in this folder; wait until it ends, or stop it.") from None
    return lock


onstart:
    workflow.running_lock = claim_folder()


wildcard_constraints:
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


def stage_facts(name, section, script, packages=()):
    return build_facts(name, section, SCRIPTS / script, packages)


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


TRAIN_PACKAGES = ["torch", "transformers", "trl", "peft", "accelerate", "tokenizers"]
RUN_PACKAGES = ["torch", "transformers", "peft", "tokenizers"]


def train_facts(run, seed):
    """A run's section without its display name; bitsandbytes matters only to quantised runs."""
    spec = CFG.runs[run]
    packages = [*TRAIN_PACKAGES, *(["bitsandbytes"] if spec.quantization else [])]
    section = spec.model_dump(mode="json", exclude={"label"}) | {"seed": seed}
    return stage_facts(f"runs.{run}", section, f"train_{spec.method}.py", packages)


def train_input(wildcards, split):
    return f"<results>/datasets/{CFG.runs[wildcards.run].dataset}/{split}_dataset.json"


def start_weights(wildcards):
    """List what the run's `init_from` publishes for the same seed, if it has one."""
    source = CFG.runs[wildcards.run].init_from
    return weights_of(source, wildcards.seed) if source else []


def checkpoint_folder(wildcards):
    """Name the folder of a training's checkpoints; it is no output, so Snakemake leaves it alone."""
    return f"work/{CFG.study.results}/{wildcards.run}/seed{wildcards.seed}"


def task_references(wildcards):
    return f"<results>/datasets/{CFG.tasks[wildcards.task].dataset}/test_dataset.json"


def loss_batch_size(wildcards, input):
    """Look the size up for the script. It names `input`, so Snakemake leaves the comparing to the facts."""
    return CFG.tasks[wildcards.task].loss_batch_size
