"""Plan, before anything else, which seeds every run gets by the looks that were taken.

Runs of contrasts that are still undecided, and the runs behind them, get the seeds of the next look.
"""

from tunelab.config.complete import Config
from tunelab.config.study import Study
from tunelab.jobs.looks import Ledger, find_progress


def plan_seeds(config: Config, ledger: Ledger) -> dict[str, list[int]] | None:
    """Return the seeds of every defined run at the look that is due, or else at the last one; None without looks."""
    looks = config.study.looks
    if looks is None:
        return None
    study = Study(config.describe_study())
    taken, stopped, due = find_progress(study, ledger)
    numbers = dict.fromkeys(config.runs, 1)
    for pair in study.list_contrasts():
        number = stopped.get(pair) or due or taken
        numbers |= {run: max(number, numbers[run]) for run in config.list_behind(pair)}
    return {run: list(config.study.seeds[: looks.seeds[number - 1]]) for run, number in numbers.items()}
