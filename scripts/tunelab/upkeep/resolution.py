"""What a study's test rows can tell: the smallest differences that a paired test would find in most studies like it."""

import math
from collections.abc import Iterator
from pathlib import Path

from scipy import stats

from tunelab import records
from tunelab.comparison.verdicts import ALPHA, POWER, find_detectable_share
from tunelab.config.loading import Config

DISCORDANCE = 0.2  # the share of rows that two runs judge differently, which is not known before
FEW = 50  # rows; with fewer even large differences stay undecided


def find_detectable_mean(n: int) -> float:
    """Return the mean difference that a paired t-test finds with probability POWER, in standard deviations."""
    if n < 2:
        return math.inf
    return float((stats.t.ppf(1 - ALPHA / 2, n - 1) + stats.t.ppf(POWER, n - 1)) / math.sqrt(n))


def describe_rows(n: int) -> str:
    """Say which differences between two runs n test rows can show."""
    points, spreads = 100 * find_detectable_share(DISCORDANCE, n), find_detectable_mean(n)
    return (
        f"a paired test finds with {POWER:.0%} power that two runs differ by {points:.0f} points of accuracy (if they\n"
        f"disagree on a fifth of the rows), or by {spreads:.2f} standard deviations in a mean such as ROUGE-L"
    )


def list_resolutions(config: Config) -> Iterator[str]:
    """Yield a sentence for each task of which the number of test rows is known."""
    for name in config.study.tasks:
        task = config.tasks[name]
        if n := _count_test_rows(config, task.dataset):
            yield f"tasks.{name} has {n} test rows{', which are few' if n < FEW else ''}:\n{describe_rows(n)}."


def _count_test_rows(config: Config, dataset: str) -> int | None:
    """Return how many rows are held out, by the prepared data or else by the config; None where it says a share."""
    spec = config.datasets[dataset]
    card = Path(config.study.results, "datasets", dataset, "data_card.json")
    if card.is_file():
        return records.read_json(card)["rows"]["test"]
    test, source = spec.prepare.test, spec.fetch
    own = source.test_rows if source.source == "generated" else None
    if isinstance(test, int):
        return min(test, own) if own else test
    return max(1, round(test * own)) if own else None
