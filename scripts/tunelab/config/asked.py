"""How many held-out rows each run is asked: all where the study compares it, fewer elsewhere if the task says so."""

from tunelab.config.loading import Config
from tunelab.config.study import Study


def find_asked_rows(config: Config) -> dict[tuple[str, str], int]:
    """Return by (run, task) how many held-out rows, the first, a run answers where it does not answer all.

    All are asked of untouched models, of runs that learnt the task's data set or start from one that did, and of runs
    that the config compares on the task.
    """
    study = Study(config.describe_study())
    return {
        (run, name): task.untaught_rows
        for name, task in config.tasks.items()
        if task.untaught_rows is not None
        for run in config.trained
        if task.dataset not in _list_learnt(config, run)
        and not (name in study.tasks and any(run in pair for pair in study.list_contrasts(name)))
    }


def _list_learnt(config: Config, run: str | None) -> set[str]:
    """List the data sets that a run and its starts learnt."""
    found = set()
    while run:
        found.add(getattr(config.runs[run], "dataset", None))
        run = getattr(config.runs[run], "init_from", None)
    return found
