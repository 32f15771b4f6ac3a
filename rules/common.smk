# Validates the config, closes the wildcards and hands each rule its slice of the config. No rule in here.

import functools
import inspect
import re
import sys
from pathlib import Path

SCRIPTS = Path(workflow.basedir, "scripts")
sys.path.insert(0, str(SCRIPTS))

from tunelab.config import load_config
from tunelab.errors import UserError
from tunelab.provenance import build_facts

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


def model_card(run):
    return f"<results>/models/{CFG.runs[run].model}/card.json"


def weights_of(run, seed):
    """List the files that a run publishes: none for the untouched model, else weights and their config."""
    if CFG.runs[run].method == "base":
        return []
    folder, stem = ("adapter", "adapter_") if CFG.keeps_adapter(run) else ("model", "")
    files = ("adapter_model.safetensors", "adapter_config.json") if stem else ("model.safetensors", "config.json")
    return [f"<results>/runs/{run}/seed{seed}/{folder}/{file}" for file in files]


def promised_artefacts():
    """List what a study promises besides the report, so that a deleted file is made again."""
    models = {CFG.runs[run].model for run in CFG.study.runs}
    datasets = CFG.describe_study()["datasets"]
    return [
        *(f"<results>/models/{model}/model" for model in sorted(models)),
        *(f"<results>/datasets/{dataset}/raw" for dataset in datasets),
        *(file for run, seed in CFG.arms for file in weights_of(run, seed)),
    ]
