"""Say how small a difference the test rows of a study can show (the power of its tests)."""

from collections.abc import Iterator

from tunelab.comparison.power import POWER, find_detectable_mean, find_detectable_share
from tunelab.config.loading import Config

DISCORDANCE = 0.2  # an assumption: the share of rows on which exactly one of two runs is right
TEST = f"paired test, {POWER:.0%} power, runs that disagree on a fifth of the rows"
FEW = 50  # rows; with fewer even large differences stay undecided


def describe_rows(n: int) -> str:
    """Say how large a difference between two runs must be for n test rows to show it."""
    points, spreads = 100 * find_detectable_share(DISCORDANCE, n), find_detectable_mean(n)
    return f"{points:.0f} points of accuracy, or {spreads:.2f} standard deviations of a mean such as ROUGE-L"


def list_resolutions(config: Config) -> Iterator[str]:
    """Yield a heading and a line for each task whose number of test rows is known from the config."""
    known = {name: _count_test_rows(config, config.tasks[name].dataset) for name in config.study.tasks}
    if any(known.values()):
        yield f"Smallest differences that the test rows show ({TEST}):"
    for name, n in known.items():
        if n:
            yield f"  {name}: {n} rows{' (few)' if n < FEW else ''}, {describe_rows(n)}"


def _count_test_rows(config: Config, dataset: str) -> int | None:
    """Return how many rows the config holds out; None if it is a share of rows that were not counted yet."""
    spec = config.datasets[dataset]
    test, source = spec.prepare.test, spec.fetch
    own = source.test_rows if source.source == "generated" else None
    if isinstance(test, int):
        return min(test, own) if own else test
    return max(1, round(test * own)) if own else None
