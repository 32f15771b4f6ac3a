"""Simulate how often an interval over seeds and items holds the truth, and write it where the page looks it up.

Seeds differ by a normal effect, whose standard deviation is a multiple (`ratio`) of the standard error over items.
Means have normal items. Shares are the difference of two runs that are equally good: an answer is right where the sum
of a question's ease (half of it the same for both runs) and the seed's effect is above 0. Chance adds noise to every
answer of as much variance as the items have; without it answers are decoded greedily.
"""

import itertools
import math
from pathlib import Path

import numpy as np

from tunelab.comparison.bootstrap import TAIL, cross_seeds
from tunelab.comparison.power import CONFIDENCE
from tunelab.comparison.statistics import draw_counts
from tunelab.records import write_json

SEEDS, ITEMS, RATIOS = (2, 3, 5), (50, 200, 1000), (0, 0.5, 1, 2, 3, 5)
KINDS = tuple(itertools.product(("means", "shares"), (False, True)))  # of values; whether by chance
STUDIES = 1000  # simulated for each cell
FILE = Path(__file__).parents[3] / "reports/coverage.json"


def simulate_grid(studies: int) -> dict:
    """Simulate every cell of the grid with so many studies."""
    grid = []
    for (values, chance), seeds, items, ratio in itertools.product(KINDS, SEEDS, ITEMS, RATIOS):
        cell = {"values": values, "chance": chance, "seeds": seeds, "items": items, "ratio": ratio}
        grid.append(cell | {"covered": simulate_cell(**cell, studies=studies)})
    return {"confidence": CONFIDENCE, "studies": studies, "grid": grid}


def simulate_cell(values: str, chance: bool, seeds: int, items: int, ratio: float, studies: int) -> float:
    """Return in which share of simulated studies the interval holds the truth, which is 0."""
    rng = np.random.default_rng([seeds, items, int(10 * ratio), len(values), chance])
    draw = draw_means if values == "means" else draw_shares
    drawn = draw(rng, (studies, seeds, items), ratio, chance)
    counts = next(draw_counts(items))  # a tenth of a study's resamples
    resampled = (counts @ drawn.reshape(-1, items).T / items).reshape(len(counts), studies, seeds)
    covered = 0
    for place, measured in enumerate(drawn):
        crossed = cross_seeds(measured.mean(axis=1), resampled[:, place], items)
        low, high = np.quantile(crossed.draws, [TAIL, 1 - TAIL])
        covered += bool(low <= 0 <= high)
    return covered / studies


def draw_means(rng: np.random.Generator, shape: tuple[int, int, int], ratio: float, chance: bool) -> np.ndarray:
    """Draw values of studies by seeds by items, whose items have the variance 1."""
    studies, seeds, items = shape
    effects = ratio / math.sqrt(items) * rng.normal(size=(studies, seeds, 1))
    return effects + rng.normal(size=(studies, 1, items)) + chance * rng.normal(size=shape)


def draw_shares(rng: np.random.Generator, shape: tuple[int, int, int], ratio: float, chance: bool) -> np.ndarray:
    """Draw differences of right answers (-1, 0 or 1) of two runs; without seeds' effects they have the variance 1/3."""
    studies, seeds, items = shape
    ease = 2 * (1 + chance)  # the variance of all that is summed but the seed's effect
    # the variance over seeds of a run's share is asin(r) / 2π, where r is the seeds' part of the whole variance
    part = math.sin(math.pi * ratio**2 / (3 * items))
    effect = math.sqrt(ease * part / (1 - part))
    shared = rng.normal(size=(studies, 1, items))

    def answer() -> np.ndarray:
        own = rng.normal(size=(studies, 1, items)) + effect * rng.normal(size=(studies, seeds, 1))
        return shared + own + chance * math.sqrt(2) * rng.normal(size=shape) > 0

    return answer().astype(float) - answer()


if __name__ == "__main__":
    write_json(FILE, simulate_grid(STUDIES))
