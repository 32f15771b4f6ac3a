"""The table that `make gpu-check` prints, and what it says below it."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tunelab.reporting.notation import format_bytes
from tunelab.upkeep.gpu_arms import Arm
from tunelab.values import list_names

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
