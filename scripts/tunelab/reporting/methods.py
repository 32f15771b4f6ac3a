"""How each run was trained, looked up for the text of a paper: what the config says, else the library's default."""

from typing import Any

from tunelab.config.arguments import load_arguments
from tunelab.config.completions import count_of_step
from tunelab.config.field_classes import find_setting
from tunelab.config.methods import METHODS
from tunelab.config.study import Study, cuts_rows
from tunelab.reporting.settings import BOOKKEEPING, flatten, render_setting

# what sentences say by themselves; everything else that the config sets is listed behind them
TOLD_OF_ADAPTERS = {
    "LORA": ("r", "lora_alpha", "lora_dropout", "target_modules"),
    "PREFIX_TUNING": ("num_virtual_tokens", "init_text"),
}
TOLD_OF_TRAINING = {
    *("max_steps", "per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate"),
    *("lr_scheduler_type", "max_length", "loss_type", "beta", "num_generations", "max_completion_length"),
    *("temperature", "load_best_model_at_end", "metric_for_best_model"),
}
SECTIONS = ("quantization", "training", "launch")
CHOOSING = ("select", "pairs")  # among drawn answers


def build_methods(page: dict, study: Study, trainings: dict[tuple[str, int], dict]) -> list[dict[str, Any]]:
    """Build what is told of each run, in the study's order; `trainings` are those of `tables.load_trainings`."""
    return [_describe_run(page, study, run, trainings) for run in study.runs]


def _describe_run(page: dict, study: Study, run: str, trainings: dict) -> dict[str, Any]:
    spec = study.run(run)
    told = {"name": run, "label": spec["label"], "method": spec["method"], "model": spec["model"]}
    if spec["method"] == "base":
        return told
    learnt = [row for row in page["samples"].get("learners", ()) if row["run"] == run]
    rows = learnt[0]["rows"] if learnt else page["cards"][spec["dataset"]]["rows"]["train"]
    start = spec.get("init_from")
    method = METHODS[spec["method"]]
    return told | {
        "title": method.title,
        "learns_from": method.learns_from,
        "drawing": method.draws,
        "dataset": spec["dataset"],
        "texts": page["cards"][spec["dataset"]]["format"] == "text",
        "rows": rows,
        "start": study.run(start)["label"] if start in study.runs else start,
        "learnt": learnt[0] if learnt else None,
        "drawn": _find_drawn(page, study, learnt[0]) if learnt else None,
        "adapter": find_adapter(study, run),
        "bits": find_bits(spec.get("quantization")),
        "as_run": trainings[run, study.list_seeds(run)[0]],
        "batch": count_of_step(spec),
        "set": {name: _write(find_setting(spec, name)) for name in ("learning_rate", "lr_scheduler_type")},
        "loss_type": _write(find_setting(spec, "loss_type")),
        "beta": find_setting(spec, "beta"),
        "limit": find_setting(spec, "max_length") if cuts_rows(spec["training"]) else None,
        "draws": find_setting(spec, "num_generations"),
        "completion": find_setting(spec, "max_completion_length"),
        "temperature": find_setting(spec, "temperature"),
        "best": find_setting(spec, "load_best_model_at_end")
        and (find_setting(spec, "metric_for_best_model") or "loss"),
        "rewards": spec.get("rewards", {}).get("weights", {}),
        "teacher": study.run(spec["teacher"])["label"] if spec.get("teacher") in study.runs else spec.get("teacher"),
        "others": list_others(spec),
    }


def _find_drawn(page: dict, study: Study, learnt: dict) -> dict[str, Any]:
    """Return what was drawn for the run, with the label of whose answers these are."""
    rows = [row for row in page["samples"]["drawings"] if row["name"] == learnt["samples"]]
    source = rows[0]["source"]
    return rows[0] | {"label": study.run(source)["label"] if source in study.runs else source}


def find_adapter(study: Study, run: str) -> dict[str, Any] | None:
    """Return the adapter that a run trains, its own or that of the run it started from, as far as the study has it."""
    spec = study.run(run)
    if (start := spec.get("init_from")) is not None:
        return find_adapter(study, start) if start in study.runs else None
    adapter = spec["adapter"]
    if not adapter:
        return None
    kind = adapter["peft_type"]
    told = TOLD_OF_ADAPTERS.get(kind, ())
    known = load_arguments()[kind]
    others = {name: value for name, value in adapter.items() if name not in ("peft_type", *told)}
    return {
        "peft_type": kind,
        **{name: adapter.get(name, known.get(name, {}).get("default")) for name in told},
        "others": _list_settings(others),
    }


def find_bits(quantization: dict | None) -> int | None:
    """Return to how many bits the weights are quantised while a run trains; None if they are not."""
    sizes = {"load_in_4bit": 4, "load_in_8bit": 8}
    return next((bits for name, bits in sizes.items() if (quantization or {}).get(name)), None)


def list_others(spec: dict) -> list[str]:
    """List the settings that no sentence tells, `warmup_steps = 5`, without what cannot change a weight."""
    sections = [*SECTIONS, *(CHOOSING if spec.get("samples") else ())]
    return [
        line
        for section in sections
        for line in _list_settings(
            {
                name: value
                for name, value in (spec.get(section) or {}).items()
                if name not in BOOKKEEPING and not (section == "training" and name in TOLD_OF_TRAINING)
            }
        )
    ]


def _list_settings(settings: dict) -> list[str]:
    return [f"{name} = {render_setting(value)}" for name, value in flatten(settings)]


def _write(value: Any) -> str | None:
    return None if value is None else render_setting(value)
