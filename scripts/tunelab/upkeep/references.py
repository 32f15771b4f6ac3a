"""What a config refers to in its study's folder, by the paths of folders and the names of logs."""

import itertools
from collections.abc import Iterator

from tunelab.config.loading import Config
from tunelab.config.study import REPEATS

# how the rules name logs, benchmarks and cards, by stage
RECORD_NAMES = {
    "fetch_model": "{model}",
    "settle_template": "{model}",
    "check_positions": "{model}",
    "measure_precision": "{model}",
    "inspect_model": "{model}",
    "check_vocabulary": "{model}_{teacher}",
    "fetch_dataset": "{dataset}",
    "prepare_dataset": "{dataset}",
    "measure_tokens": "{dataset}/{model}",
    "draw_samples": "{samples}_seed{seed}",
    "choose_samples": "{run}_seed{seed}",
    "train": "{run}_seed{seed}",
    "render_model_card": "{run}_seed{seed}_{artefact}",
    "check_merging": "{run}",
    "merge_adapter": "{run}_seed{seed}",
    "generate_answers": "{run}_seed{seed}_{task}",
    "measure_loss": "{run}_seed{seed}_{task}",
    "score_answers": "{run}_seed{seed}_{task}",
    "measure_drift": "{run}_seed{seed}",
    "generate_samples": "{run}_seed{seed}_{task}",
    "score_samples": "{run}_seed{seed}_{task}",
    "generate_repeats": "{repeat}_{task}",
    "measure_repeats": "{repeat}_{task}",
    "score_repeats": "{repeat}_{task}",
}


def list_references(config: Config) -> set[str]:
    """List the folders, token counts and job records of everything that is defined, whether selected or not."""
    folders = {f"models/{model}" for model in config.models} | {f"datasets/{dataset}" for dataset in config.datasets}
    tokens = {f"datasets/{dataset}/tokens_{model}.json" for dataset in config.datasets for model in config.models}
    for run in config.runs:
        parts = [*config.tasks, *list_artefacts(config, run)]
        for seed in config.list_seeds(run):
            folders |= {f"runs/{run}", f"runs/{run}/seed{seed}", *(f"runs/{run}/seed{seed}/{part}" for part in parts)}
    for samples in config.samples:
        seeds = {config.find_drawn_seed(samples, seed) for seed in config.study.seeds}
        folders |= {f"samples/{samples}", *(f"samples/{samples}/seed{seed}" for seed in seeds)}
    for repeat in REPEATS if config.noise else ():
        folders |= {f"noise/{repeat}", *(f"noise/{repeat}/{task}" for task in config.tasks)}
    return folders | tokens | set(_list_records(config))


def list_artefacts(config: Config, run: str) -> list[str]:
    """List the folders that a run's training publishes, or may publish when it is asked to."""
    if config.runs[run].method == "base":
        return []
    return ["tensorboard", *(["adapter", "merged"] if config.keeps_adapter(run) else ["model"])]


def _list_records(config: Config) -> Iterator[str]:
    data = [{"model": model, "dataset": dataset} for model in config.models for dataset in config.datasets]
    arms = [
        {"run": run, "seed": seed, "task": task, "artefact": artefact}
        for run in config.runs
        for seed, task in itertools.product(config.list_seeds(run), config.tasks)
        for artefact in list_artefacts(config, run) or [""]
    ]
    repeats = [{"repeat": repeat, "task": task} for repeat in REPEATS for task in config.tasks]
    draws = [
        {"samples": samples, "seed": config.find_drawn_seed(samples, seed)}
        for samples, seed in itertools.product(config.samples, config.study.seeds)
    ]
    taught = [
        {"model": spec.model, "teacher": config.find_teacher(run)[1]}
        for run, spec in config.runs.items()
        if spec.method == "distillation"
    ]
    kinds = {"{run}": arms, "{repeat}": repeats, "{samples}": draws, "{teacher}": taught}
    for stage, pattern in RECORD_NAMES.items():
        for names in next((found for field, found in kinds.items() if field in pattern), data):
            yield f"{stage}/{pattern.format(**names)}"
