"""Check the runs of a study on a GPU: the machine, what each run left, and the table that `make gpu-check` prints."""

import statistics
import subprocess
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from tunelab import records
from tunelab.config.loading import Config
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.notation import format_bytes
from tunelab.upkeep.partial import find_failures
from tunelab.values import list_names

# The GPU that a check runs on, and the versions that it is about.


PACKAGES = ("torch", "transformers", "trl", "peft", "bitsandbytes", "vllm")


def describe_gpu() -> dict[str, str]:
    """Return the GPU's name, its driver, and the versions of what computes on it.

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
    """Return the version of NVIDIA's driver, or say that it does not tell."""
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


# What a study's runs did on a GPU: read from the summaries, histories, cards and logs that their jobs left.


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


# The table that `make gpu-check` prints, and what it says below it.


COLUMNS = ("run", "method", "computes in", "base held in", "optimizer", "s a step", "peak memory", "loss", "reward", "")
SHOWN = 160  # characters of a reason
ROUNDING = 1e-4  # how much a metric may change when nothing is changed


class Check(NamedTuple):
    """One thing that was looked at; `holds` is None where there was nothing to look at."""

    what: str
    holds: bool | None
    found: str = ""


def list_checks(arms: list[Arm], device: str, repeats: list[dict[str, Any]]) -> list[Check]:
    """Judge what the arms left. repeats: those of `results.json`."""
    trained = [arm for arm in arms if arm.precision]
    taught = [arm for arm in trained if arm.taught and len(arm.losses) > 2 and None not in arm.losses]
    return [
        _check_all("all trainings and evaluations ended well", arms, lambda arm: arm.failure is None),
        _check_all(f"trained on {device}", trained, lambda arm: arm.device == device),
        _check_all("every loss is a finite number", trained, lambda arm: None not in arm.losses),
        _check_all("losses of given answers fell", taught, _fell),
        _check_repeats(repeats),
    ]


def _check_all(what: str, arms: list[Arm], holds: Callable[[Arm], bool]) -> Check:
    wrong = [arm.run for arm in arms if not holds(arm)]
    return Check(
        what, not wrong if arms else None, f"not {list_names(wrong, quoted=False)}" if wrong else f"{len(arms)} runs"
    )


def _fell(arm: Arm) -> bool:
    third = max(1, len(arm.losses) // 3)
    return statistics.mean(arm.losses[-third:]) < statistics.mean(arm.losses[:third])


def _check_repeats(repeats: list[dict[str, Any]]) -> Check:
    """The same evaluation must give the same numbers; in batches of another size rounding may decide otherwise."""
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


def render_check(machine: dict[str, str], arms: Iterable[Arm], checks: Iterable[Check]) -> str:
    """Return the whole as Markdown: a line on the machine, the table, a line a check."""
    lines = [", ".join(f"{name} {value}" for name, value in machine.items()), ""]
    lines += [_draw_row(COLUMNS), "| --- " * len(COLUMNS) + "|", *map(_draw_row, map(_list_cells, arms))]
    words = {True: "ok", False: "FAILED", None: "not looked at"}
    lines += ["", *(f"- {check.what}: {words[check.holds]} ({check.found})" for check in checks)]
    return "\n".join(lines)


def _draw_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _list_cells(arm: Arm) -> list[str]:
    reason = arm.failure and f"failed: {arm.failure}".replace("|", "\\|")
    return [
        arm.run,
        arm.method,
        arm.precision or "",
        arm.held,
        arm.optimizer,
        "" if arm.seconds is None else f"{arm.seconds:.3f}",
        "" if arm.memory is None else format_bytes(arm.memory),
        _show_ends(arm.losses),
        _show_ends(arm.rewards),
        "ok" if reason is None else reason if len(reason) <= SHOWN else f"{reason[:SHOWN]} …",
    ]


def _show_ends(values: tuple[float | None, ...]) -> str:
    ends = ["not finite" if value is None else f"{value:.3g}" for value in (*values[:1], *values[-1:])]
    return " → ".join(ends)
