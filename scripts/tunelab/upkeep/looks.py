"""Tell in the plan which look is next and which runs it trains, and what would decide what is undecided."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.comparison.result_rows import Needed
from tunelab.comparison.results import Results
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.jobs.looks import find_progress, list_look_seeds, read_ledger
from tunelab.reporting.deciding import price_needed
from tunelab.reporting.notation import format_seconds
from tunelab.reporting.tables import load_trainings
from tunelab.upkeep.dry_run import Plan
from tunelab.values import list_names


def list_looks(plan: Plan) -> Iterator[str]:
    """Yield a sentence on the look that is next, or was last, and one on what would decide the undecided contrasts."""
    study = Study(plan.config.describe_study())
    if looks := study.spec["study"]["looks"]:
        yield _tell_next(plan, study, len(looks["seeds"]))
    if found := list(_list_needed(plan, study)):
        yield "\n".join(["What would decide what is undecided, if differences and spreads are as measured:", *found])


def _tell_next(plan: Plan, study: Study, of: int) -> str:
    progress = find_progress(study, read_ledger(study.spec["study"]["results"]))
    left = list_names(
        [" against ".join(pair) for pair in study.list_contrasts() if pair not in progress.stopped], quoted=False
    )
    if progress.due is None:
        last = f"after look {progress.taken} of {of}"
        return f"Undecided {last}, the last: {left}." if left else f"All declared contrasts are decided {last}."
    seeds = list_names(list_look_seeds(study, progress.due), quoted=False)
    arms: dict[str, list[str]] = {}
    for job in plan.jobs:
        if job.runs and job.rule.startswith("train_"):
            arms.setdefault(job.wildcards["run"], []).append(job.wildcards["seed"])
    trained = "; ".join(f"{run} with {list_names(own, quoted=False)}" for run, own in arms.items())
    what = f"it trains {trained}" if arms else "all that it needs is trained"
    return f"Look {progress.due} of {of} is next, with seeds {seeds}: {what}.\nUndecided: {left}."


def _list_needed(plan: Plan, study: Study) -> Iterator[str]:
    """Yield a line for each contrast that the last comparison left undecided, as far as its files are there."""
    folder = StudyFolder(study.spec["study"]["results"], _describe_measured(plan, study))
    asked = study.list_contrasts()
    rows = [
        row.model_dump()
        for row in _read_needed(folder.results_file)
        if (row.run, row.against) in asked and all(map(folder.list_seeds, (row.run, row.against)))
    ]
    trainings = load_trainings(folder) if rows else {}
    for row in (row for row in rows if row["task"] in study.tasks):
        ways = "; or ".join(_list_ways(row | price_needed(folder, trainings, row)))
        named = f"{row['run']} against {row['against']} on {row['task']}"
        yield f"  {named}: {ways or 'no number of seeds or rows that was tried'}"


def _read_needed(file: Path) -> list[Needed]:
    """Read what would decide the contrasts; nothing if there are no results, or only those of another version."""
    try:
        return Results.model_validate_json(file.read_text(encoding="utf-8")).needed if file.is_file() else []
    except ValueError:
        return []


def _describe_measured(plan: Plan, study: Study) -> dict[str, Any]:
    """Describe the study with the seeds that are trained and measured, of each run and those behind it.

    What was chosen for tuned runs is left out, as it may not be there yet and changes no seed and no time.
    """
    folder = StudyFolder(study.spec["study"]["results"], study.spec)

    def is_measured(run: str, seed: int) -> bool:
        files = [folder.task_file(run, seed, task, "generation.json") for task in study.tasks]
        trained = [folder.run_file(run, seed, "training.json")] if run in study.list_trained() else []
        return all(file.is_file() for file in [*files, *trained])

    seeds = {run: study.list_seeds(run) for run in study.runs}
    measured = {run: [seed for seed in own if is_measured(run, seed)] for run, own in seeds.items()}
    behind = {
        run: [other for other in plan.config.list_behind([run]) if other in study.list_trained()] for run in seeds
    }
    whole = {
        run: [seed for seed in own if all(seed in measured[other] for other in behind[run])]
        for run, own in measured.items()
    }
    return study.spec | {"tuning": None, "study": study.spec["study"] | {"run_seeds": whole}}


def _list_ways(row: dict[str, Any]) -> Iterator[str]:
    if row["more_seeds"]:
        yield f"{row['more_seeds']} seeds instead of {row['seeds']} ({format_seconds(row['seeds_seconds'])} more)"
    if row["more_rows"]:
        yield f"{row['more_rows']:,} rows instead of {row['n']} ({format_seconds(row['rows_seconds'])} more)"
    if row["both"]:
        seeds, rows = row["both"]
        yield f"{seeds} seeds with {rows:,} rows ({format_seconds(row['both_seconds'])} more)"
