"""Describe how the settings of tuned runs were chosen, for page and paper."""

from typing import Any

from tunelab.comparison.metrics import find_metric
from tunelab.config.chosen_settings import VALIDATION
from tunelab.config.study import Study
from tunelab.reporting.settings import render_setting


def build_tuned(study: Study, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each row of `tuned` what the table shows: settings as text, trials that failed, and the drop.

    The drop is how much worse the run did on test rows than its chosen trial on the rows that chose it.
    """
    return [_build(study, row) for row in rows]


def _build(study: Study, row: dict[str, Any]) -> dict[str, Any]:
    choice, test = row["choice"], row["test"]
    chosen = next(trial for trial in choice["trials"] if trial["name"] == choice["chosen"])
    sign = -1 if find_metric(choice["metric"], study.own_metrics).better == "lower" else 1
    return choice | {
        "place": row["place"],
        "task": choice["task"].removesuffix(VALIDATION.format("")),
        "test": test,
        "value": chosen["value"],
        "drop": test and sign * (chosen["value"] - test["value"]),
        "failed": sum(trial["diverged"] is not None for trial in choice["trials"]),
        "told": write_settings(choice["settings"]),
        "own_told": write_settings(choice["own"]),
        "trials": [trial | {"told": write_settings(trial["settings"])} for trial in choice["trials"]],
    }


def write_settings(settings: dict[str, Any]) -> str:
    """Write settings as one would type them: `learning_rate 0.0003, beta 0`."""
    return ", ".join(f"{field.partition('.')[2]} {render_setting(value)}" for field, value in settings.items())
