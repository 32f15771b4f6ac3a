"""What a study's runs did on a GPU: read from the summaries, histories, cards and logs that their jobs left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tunelab import records
from tunelab.config.loading import Config
from tunelab.jobs.layout import StudyFolder
from tunelab.upkeep.failed_jobs import find_failures


class Arm(NamedTuple):
    """One training and what followed it; what a training that failed did not leave is None.

    taught: whether it learns given answers, whose loss falls; its own, drawn before, are likely from the start;
    seconds: of a step, without the first ones; memory: the peak that PyTorch reserved, in bytes; losses: one a
    logged step, None where it was no finite number; failure: why a job of it failed, or did not run.
    """

    run: str
    method: str
    taught: bool
    held: str
    optimizer: str
    precision: str | None = None
    device: str | None = None
    seconds: float | None = None
    memory: int | None = None
    losses: tuple[float | None, ...] = ()
    rewards: tuple[float, ...] = ()
    failure: str | None = None


def read_arms(config: Config) -> list[Arm]:
    """Read every trained run of the study, with its first seed."""
    folder = StudyFolder(config.study.results, config.describe_study())
    failed = find_failures(folder.root)
    return [_read_arm(folder, run, seed, failed) for run, seed in folder.list_arms(folder.list_trained())]


def _read_arm(folder: StudyFolder, run: str, seed: int, failed: dict[str, str]) -> Arm:
    spec, files = folder.run(run), [folder.run_file(run, seed, name) for name in ("training.json", "history.jsonl")]
    told = {
        "run": run,
        "method": spec["method"],
        "taught": spec["method"] == "sft" and spec.get("samples") is None,
        "held": describe_weights(spec),
        "optimizer": spec["training"].get("optim", "default"),
        "failure": next(_list_reasons(run, seed, failed), None),
    }
    if not all(file.is_file() for file in files):
        return Arm(**told | {"failure": told["failure"] or "not run: what it needs failed"})
    summary, rows = records.read_json(files[0]), records.read_jsonl(files[1])
    steps = [row for row in rows if "eval_loss" not in row]
    if not told["failure"] and not _answered(folder, run, seed):
        told["failure"] = "its evaluation did not run"
    return Arm(
        **told,
        precision=summary["dtype"],
        device=summary["device"],
        seconds=_find_pace(steps),
        memory=summary["peak_memory_bytes"],
        losses=tuple(row.get("loss") for row in steps),
        rewards=tuple(row["reward"] for row in steps if "reward" in row),
    )


def describe_weights(spec: dict[str, Any]) -> str:
    """Say in a word or two how the base is held, from a run's config: `nf4, double`, `8 bits`, `as computed`."""
    quantization = spec.get("quantization") or {}
    if quantization.get("load_in_4bit"):
        kind = quantization.get("bnb_4bit_quant_type", "fp4")
        return f"{kind}, double" if quantization.get("bnb_4bit_use_double_quant") else kind
    return "8 bits" if quantization.get("load_in_8bit") else "as computed"


def _list_reasons(run: str, seed: int, failed: dict[str, str]) -> Iterator[str]:
    for log, reason in failed.items():
        name = f"{run}_seed{seed}"
        if Path(log).name == name or Path(log).name.startswith(f"{name}_"):
            yield f"{log}: {reason}"


def _answered(folder: StudyFolder, run: str, seed: int) -> bool:
    return all(folder.task_file(run, seed, task, "scores.jsonl").is_file() for task in folder.tasks)


def _find_pace(rows: list[dict]) -> float | None:
    """Return the seconds a step after the first logged one, which also loads kernels."""
    if len(rows) < 2:
        return None
    first, last = rows[0], rows[-1]
    return (last["seconds"] - first["seconds"]) / (last["step"] - first["step"])
