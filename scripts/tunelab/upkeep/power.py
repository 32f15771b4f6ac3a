"""Say how small a difference the test rows of a study can show (the power of its tests)."""

from collections.abc import Iterator

from tunelab.comparison.power import POWER, find_detectable_mean, find_detectable_share
from tunelab.config.complete import Config

DISCORDANCE = 0.2  # an assumption: the share of rows on which exactly one of two runs is right
TEST = f"paired test, {POWER:.0%} power, runs that disagree on a fifth of the rows"
FEW = 50  # rows; with fewer even large differences stay undecided


def describe_rows(n: int) -> str:
    """Say how large a difference between two runs must be for n test rows to show it."""
    points, spreads = 100 * find_detectable_share(DISCORDANCE, n), find_detectable_mean(n)
    return f"{points:.0f} points of accuracy, or {spreads:.2f} standard deviations of a mean such as ROUGE-L"


def list_resolutions(config: Config) -> Iterator[str]:
    """Yield a heading and a line for each task whose number of test rows is known from the config."""
    tested = {name: _count_test_rows(config, config.tasks[name].dataset) for name in config.study.tasks}
    chosen = {run: _count_selecting(config, run) for run in config.selections}
    for what, known in (("test rows show", tested), ("rows that choose settings show", chosen)):
        if any(known.values()):
            yield f"Smallest differences that the {what} ({TEST}):"
        for name, n in known.items():
            if n:
                yield f"  {name}: {n} rows{' (few)' if n < FEW else ''}, {describe_rows(n)}"


def _count_test_rows(config: Config, dataset: str) -> int | None:
    """Return how many rows the config holds out; None if it is a share of rows that were not counted yet."""
    source = config.datasets[dataset].fetch
    own = source.test_rows if source.source == "generated" else None
    return _count_share(config.datasets[dataset].prepare.test, own, own)


def _count_selecting(config: Config, run: str) -> int | None:
    """Return how many rows choose the settings of a tuned run; None if it is a share of rows not counted yet."""
    spec = config.datasets[config.runs[run].dataset]
    n = _count_share(spec.prepare.validation, spec.fetch.rows if spec.fetch.source == "generated" else None)
    return n and (n // 2 if config.runs[run].dataset in config.divided else n)


def _count_share(wanted: float, of: int | None, most: int | None = None) -> int | None:
    if isinstance(wanted, int):
        return min(wanted, most) if most else wanted
    return max(1, round(wanted * of)) if of else None
