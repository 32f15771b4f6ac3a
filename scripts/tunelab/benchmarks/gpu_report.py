"""Check what the runs of a study did on a GPU, for the table that `make gpu-check` prints."""

import statistics
import subprocess
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from tunelab import records
from tunelab.config.complete import Config
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.notation import format_bytes
from tunelab.upkeep.partial import find_failures
from tunelab.values import cut, list_names

PACKAGES = ("torch", "transformers", "trl", "peft", "bitsandbytes", "vllm")
COLUMNS = ("run", "method", "computes in", "base held in", "optimizer", "s a step", "peak memory", "loss", "reward", "")
SHOWN = 160  # characters of a reason
ROUNDING = 1e-4  # how much a metric may change when nothing is changed


def describe_gpu() -> dict[str, str]:
    """Return the GPU's name, its driver, and the versions of the packages that compute on it.

    Raises:
        UserError: if PyTorch sees no GPU.
    """
    from tunelab.models.device import choose_device, describe_device

    device = choose_device()
    if device.type != "cuda":
        raise UserError("PyTorch sees no GPU here, and this check is about what only a GPU does; run it where one is.")
    return {"device": describe_device(device), "driver": find_driver()} | {
        name: find_version(name) for name in PACKAGES
    }


def find_driver() -> str:
    """Return the version of NVIDIA's driver, or `unknown`."""
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        lines = []
    return lines[0] if lines else "unknown"


def find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


# What a study's runs did on a GPU, read from the files and logs of their jobs.


class TrainedRun(NamedTuple):
    """One training and what followed it; fields are None where a failed training wrote nothing.

    taught: whether it learns given answers, so that its loss must fall (answers of its own are likely from the start);
    held: how the base's weights are stored; seconds: of a step, without the first ones; memory: the peak that PyTorch
    reserved, in bytes; losses: one a logged step, None if not finite; failure: why a job of it failed or did not run.
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


def read_runs(config: Config) -> list[TrainedRun]:
    """Read every trained run of the study, with its first seed."""
    folder = StudyFolder(config.study.results, config.describe_study())
    failed = find_failures(folder.root)
    return [_read_run(folder, run, seed, failed) for run, seed in folder.list_arms(folder.list_trained())]


def _read_run(folder: StudyFolder, run: str, seed: int, failed: dict[str, str]) -> TrainedRun:
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
        return TrainedRun(**told | {"failure": told["failure"] or "not run: what it needs failed"})
    summary, rows = records.read_json(files[0]), records.read_jsonl(files[1])
    steps = [row for row in rows if "eval_loss" not in row]
    if not told["failure"] and not _answered(folder, run, seed):
        told["failure"] = "its evaluation did not run"
    return TrainedRun(
        **told,
        precision=summary["dtype"],
        device=summary["device"],
        seconds=_find_pace(steps),
        memory=summary["peak_memory_bytes"],
        losses=tuple(row.get("loss") for row in steps),
        rewards=tuple(row["reward"] for row in steps if "reward" in row),
    )


def describe_weights(spec: dict[str, Any]) -> str:
    """Name how a run's base weights are stored: `nf4, double`, `8 bits`, `as computed`."""
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
    """Return the seconds a step, without the first logged one, which also loads kernels."""
    if len(rows) < 2:
        return None
    first, last = rows[0], rows[-1]
    return (last["seconds"] - first["seconds"]) / (last["step"] - first["step"])


# The table that `make gpu-check` prints, and the checks below it.


class Check(NamedTuple):
    """One check; `holds` is None where there was nothing to check."""

    what: str
    holds: bool | None
    found: str = ""


def list_checks(runs: list[TrainedRun], device: str, repeats: list[dict[str, Any]]) -> list[Check]:
    """List the checks of what the runs did; `repeats` are those of `results.json`."""
    trained = [run for run in runs if run.precision]
    taught = [run for run in trained if run.taught and len(run.losses) > 2 and None not in run.losses]
    return [
        _check_all("all trainings and evaluations ended well", runs, lambda run: run.failure is None),
        _check_all(f"trained on {device}", trained, lambda run: run.device == device),
        _check_all("every loss is a finite number", trained, lambda run: None not in run.losses),
        _check_all("losses of given answers fell", taught, _fell),
        _check_repeats(repeats),
    ]


def _check_all(what: str, runs: list[TrainedRun], holds: Callable[[TrainedRun], bool]) -> Check:
    wrong = [run.run for run in runs if not holds(run)]
    return Check(
        what, not wrong if runs else None, f"not {list_names(wrong, quoted=False)}" if wrong else f"{len(runs)} runs"
    )


def _fell(run: TrainedRun) -> bool:
    third = max(1, len(run.losses) // 3)
    return statistics.mean(run.losses[-third:]) < statistics.mean(run.losses[:third])


def _check_repeats(repeats: list[dict[str, Any]]) -> Check:
    """Check that the same evaluation gives the same numbers; in batches of another size rounding may change them."""
    same = [abs(row["repeated"] - row["value"]) <= ROUNDING for row in repeats if row["repeat"] == "again"]
    found = _describe_repeats(repeats, "again")
    if repeats:
        found += f"; in batches of another size, which is no fault: {_describe_repeats(repeats, 'rebatched')}"
    return Check("evaluated again with the same result", all(same) if same else None, found)


def _describe_repeats(repeats: list[dict[str, Any]], kind: str) -> str:
    changes = [
        f"{row['task']} {row['metric']} {row['repeated'] - row['value']:+.3g}"
        for row in repeats
        if row["repeat"] == kind
    ]
    return f"changes: {list_names(changes, quoted=False)}" if changes else "needs a finished study"


def render_check(machine: dict[str, str], runs: Iterable[TrainedRun], checks: Iterable[Check]) -> str:
    """Return the report as Markdown: a line about the machine, the table, and a line for each check."""
    lines = [", ".join(f"{name} {value}" for name, value in machine.items()), ""]
    lines += [_draw_row(COLUMNS), "| --- " * len(COLUMNS) + "|", *map(_draw_row, map(_list_cells, runs))]
    words = {True: "ok", False: "FAILED", None: "not looked at"}
    lines += ["", *(f"- {check.what}: {words[check.holds]} ({check.found})" for check in checks)]
    return "\n".join(lines)


def _draw_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _list_cells(run: TrainedRun) -> list[str]:
    reason = run.failure and f"failed: {run.failure}".replace("|", "\\|")
    return [
        run.run,
        run.method,
        run.precision or "",
        run.held,
        run.optimizer,
        "" if run.seconds is None else f"{run.seconds:.3f}",
        "" if run.memory is None else format_bytes(run.memory),
        _show_ends(run.losses),
        _show_ends(run.rewards),
        "ok" if reason is None else cut(reason, SHOWN),
    ]


def _show_ends(values: tuple[float | None, ...]) -> str:
    ends = ["not finite" if value is None else f"{value:.3g}" for value in (*values[:1], *values[-1:])]
    return " → ".join(ends)
