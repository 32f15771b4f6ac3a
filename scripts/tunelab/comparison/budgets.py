"""How much effort went into each training, and where two trainings that are compared differ.

A difference between runs of unequal effort may be one of effort; the page says so in the verdict's own sentence.
"""

from typing import Any

from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder

TOLERANCE = 0.01  # token counts of equal plans differ a little with the order of rows
COMPARED = ("steps", "tokens", "data_share")


def build_budget(study: StudyFolder, trainings: dict, run: str) -> dict[str, Any] | None:
    """Look up the effort behind a run's first seed; None for a run that was not trained."""
    training = trainings.get((run, study.list_seeds(run)[0]))
    if training is None:
        return None
    spec = study.run(run)
    rows = study.load(study.dataset_file(spec["dataset"], "data_card.json"))["rows"]["train"]
    return {
        "dataset": spec["dataset"],
        "data_share": min(1.0, training["epochs"]) if training["epochs"] else None,
        "rows": rows,
        "epochs": training["epochs"],
        "steps": training["steps"],
        "tokens": training["tokens"],
        "learning_rate": spec.get("training", {}).get("learning_rate"),
        "trainable_parameters": training["trainable_parameters"],
        "train_seconds": training["train_seconds"],
    }


def list_unequal(study: StudyFolder, trainings: dict, run: str, against: str) -> list[str]:
    """List the measures of effort in which two trained runs differ; nothing where one of them is untrained.

    A run that went on from the other one has had that one's effort too, so nothing needs to be said twice.
    """
    budgets = [build_budget(study, trainings, name) for name in (run, against)]
    if None in budgets or is_start(study, run, against):
        return []
    if budgets[0]["dataset"] != budgets[1]["dataset"]:
        return ["dataset"]
    first, second = budgets
    return [name for name in COMPARED if differ(first[name], second[name])]


def is_start(study: Study, run: str, against: str) -> bool:
    """Tell whether one of two runs went on from the other."""
    return study.run(run).get("init_from") == against or study.run(against).get("init_from") == run


def differ(first: float | None, second: float | None) -> bool:
    """Tell whether two amounts differ by more than the tolerance."""
    if first is None or second is None:
        return first is not second
    return abs(first - second) > TOLERANCE * max(abs(first), abs(second))
