"""Judge what needs several sections of the config, and TRL's, PEFT's and bitsandbytes' own settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tunelab.arguments import check_arguments, load_arguments, suggest
from tunelab.peft_types import PROMPT_LEARNING, UNSUPPORTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tunelab.config import Config

TRAINER_CONFIGS = {"sft": "SFTConfig", "grpo": "GRPOConfig"}
OWNED_TRAINING = {
    "output_dir": "artefacts have fixed places below study.results",
    "seed": "list seeds in study.seeds",
    "push_to_hub": "publish the finished adapter folder by hand",
    "hub_token": "the token comes from the environment or the login store",
    "model_init_kwargs": "the model is loaded by the workflow; see `quantization`",
    "use_cpu": "the device is found at run time",
    "reward_weights": "set the run's rewards.weights",
    "chat_template_path": "the model's own chat template is used everywhere",
    "dataset_kwargs": "rows are tokenised by the workflow, alike for training and evaluation",
    "trust_remote_code": "code from repositories is never run",
}
OWNED_ADAPTER = {
    "base_model_name_or_path": "it is the run's model",
    "inference_mode": "it follows from training or evaluating",
}


def list_problems(config: Config) -> list[str]:
    """Return one line per wrong reference or contradiction; an empty list when the config holds together."""
    problems = [*_check_names(config)]
    return problems or [*_check_runs(config), *_check_tasks(config)]


def _check_names(config: Config) -> Iterator[str]:
    known = {"model": config.models, "dataset": config.datasets, "run": config.runs, "task": config.tasks}
    asked = [("study.runs", "run", name) for name in config.study.runs]
    asked += [("study.tasks", "task", name) for name in config.study.tasks]
    asked += [(f"tasks.{name}.dataset", "dataset", task.dataset) for name, task in config.tasks.items()]
    for name, run in config.runs.items():
        asked.append((f"runs.{name}.model", "model", run.model))
        if run.method != "base":
            asked.append((f"runs.{name}.dataset", "dataset", run.dataset))
        if getattr(run, "init_from", None):
            asked.append((f"runs.{name}.init_from", "run", run.init_from))
    for field in ("runs", "seeds", "tasks"):
        listed = getattr(config.study, field)
        yield from (f"study.{field}: {name!r} is listed twice" for name in set(listed) if listed.count(name) > 1)
    for path, kind, name in asked:
        if name not in known[kind]:
            yield f"{path}: there is no {kind} {name!r}{suggest(name, known[kind])}"


def _check_runs(config: Config) -> Iterator[str]:
    for name, run in config.runs.items():
        if run.method == "base":
            continue
        here = f"runs.{name}"
        if getattr(run, "init_from", None):
            yield from _check_chain(config, name)
        elif "adapter" not in run.model_fields_set:
            yield f"{here}.adapter: is required (null asks for full fine-tuning)"
        if run.quantization and run.adapter is None and not getattr(run, "init_from", None):
            yield f"{here}.quantization: quantised weights cannot be trained; set an adapter, or drop it"
        if run.method == "grpo" and config.datasets[run.dataset].prepare.format != "gsm8k":
            yield f"{here}.dataset: GRPO needs answers to check; {run.dataset!r} is not of format gsm8k"


def _check_chain(config: Config, name: str) -> Iterator[str]:
    run, seen = config.runs[name], [name]
    while run.method == "grpo" and run.init_from:
        if run.init_from in seen:
            yield f"runs.{name}.init_from: goes round in a circle ({' → '.join([*seen, run.init_from])})"
            return
        seen.append(run.init_from)
        run = config.runs[run.init_from]
    start, source = config.runs[name], config.runs[config.runs[name].init_from]
    if source.method == "base":
        yield f"runs.{name}.init_from: {start.init_from!r} is the untouched model; leave init_from out"
    if source.model != start.model:
        yield f"runs.{name}.init_from: {start.init_from!r} trains {source.model!r}, this run {start.model!r}"
    if start.adapter is not None:
        yield f"runs.{name}.adapter: leave it out, the adapter of {start.init_from!r} is trained on"


def _check_tasks(config: Config) -> Iterator[str]:
    for name, task in config.tasks.items():
        if task.kind == "maths" and config.datasets[task.dataset].prepare.format != "gsm8k":
            yield f"tasks.{name}.kind: maths needs answers to check; {task.dataset!r} is not of format gsm8k"


def coerce_arguments(config: Config) -> tuple[Config, list[str]]:
    """Return the config with the libraries' settings checked and coerced, and one line per problem."""
    runs, problems = {}, []
    for name, run in config.runs.items():
        if run.method != "base":
            run, found = _coerce_run(run, config.find_adapter(name))
            problems += [f"runs.{name}.{line}" for line in found]
        runs[name] = run
    return config.model_copy(update={"runs": runs}), problems


def _coerce_run(run: Any, trained_adapter: dict | None) -> tuple[Any, list[str]]:
    training, found = check_arguments(TRAINER_CONFIGS[run.method], run.training, OWNED_TRAINING)
    problems = [f"training.{field}: {problem}" for field, problem in found]
    update: dict[str, Any] = {"training": training}
    if run.adapter is not None:
        update["adapter"], found = _coerce_adapter(run.adapter)
        problems += [f"adapter.{line}" for line in found]
    if run.quantization is not None:
        update["quantization"], found = check_arguments("BitsAndBytesConfig", run.quantization, {})
        problems += [f"quantization.{field}: {problem}" for field, problem in found]
    problems += _check_training(run.method, training, (trained_adapter or {}).get("peft_type"))
    return run.model_copy(update=update), problems


def _coerce_adapter(adapter: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kinds = sorted({name for name in load_arguments() if name.isupper()} - UNSUPPORTED)
    kind = adapter.get("peft_type")
    if kind not in kinds:
        return adapter, [f"peft_type: must be one of {', '.join(kinds)}{suggest(str(kind), kinds)} (got {kind!r})"]
    extra = {"init_text": adapter["init_text"]} if "init_text" in adapter else {}
    fields, found = check_arguments(kind, {k: v for k, v in adapter.items() if k != "init_text"}, OWNED_ADAPTER)
    problems = [f"{field}: {problem}" for field, problem in found]
    if extra and (kind != "PREFIX_TUNING" or adapter.get("prefix_projection") or adapter.get("init_weights")):
        problems.append("init_text: only for PREFIX_TUNING without prefix_projection and init_weights")
    return fields | extra, problems


def _check_training(method: str, training: dict[str, Any], peft_type: str | None) -> Iterator[str]:
    if peft_type in PROMPT_LEARNING and method == "grpo":
        yield f"training: TRL's GRPO misplaces a prefix or prompt ({peft_type}) in padded batches; take another adapter"
    for field in ("gradient_checkpointing", "activation_checkpointing"):  # transformers has both names
        if peft_type in PROMPT_LEARNING and training.get(field):
            yield f"training.{field}: cannot be used with a prefix or prompt, which lives in the KV cache"
    if training.get("load_best_model_at_end"):
        for field, default in (("strategy", "no"), ("steps", None)):
            saves, evaluates = training.get(f"save_{field}", default), training.get(f"eval_{field}", default)
            if saves != evaluates:
                yield (
                    f"training.load_best_model_at_end: save_{field} ({saves}) must equal eval_{field} ({evaluates}), "
                    "otherwise the best step may not be among the saved ones"
                )
    if method == "grpo":
        yield from _check_grpo_batches(training)


def _check_grpo_batches(training: dict[str, Any]) -> Iterator[str]:
    """TRL's batches count completions, and every generated batch must hold whole groups."""
    batch, accumulation = training.get("per_device_train_batch_size", 8), training.get("gradient_accumulation_steps", 1)
    group = training.get("num_generations", 8)
    generated = training.get("generation_batch_size") or batch * (training.get("steps_per_generation") or accumulation)
    if group < 2:
        yield f"training.num_generations: a group needs at least 2 completions to compare (got {group})"
    elif generated % group:
        yield (
            f"training.num_generations: {group} completions per question do not divide the {generated} completions of "
            f"a generated batch (per_device_train_batch_size {batch} × steps {generated // batch}); TRL counts "
            f"completions, so make the product a multiple of {group}"
        )
