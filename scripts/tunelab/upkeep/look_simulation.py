"""Simulate what looks at a study cost and gain, compared with one test at the end, for the page to look up.

Some runs are each compared with one more, so that their differences hang together. Seeds differ by a normal effect,
whose standard deviation is a multiple (`ratio`) of the standard error over items. Each p is Cochran's t; the workflow
takes the largest of that and two others, so it errs no more often than this.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunelab.comparison.bootstrap import Crossed, Variance
from tunelab.comparison.looks import Course, Rules, follow_looks
from tunelab.comparison.verdicts import Contrast
from tunelab.jobs.looks import Pair
from tunelab.records import write_json

SEEDS, SPEND = (2, 4, 6), (0.2, 0.3, 0.5)
RATIOS = (0, 1, 3)
CONTRASTS, ITEMS = 4, 200
EFFECT = 4  # true differences, in standard errors of the test with all seeds
STUDIES = 2000  # simulated for each cell
PLACE = ("task", "metric")
FILE = Path(__file__).parents[3] / "reports/looks.json"


def simulate_grid(studies: int) -> dict:
    """Simulate studies without any difference and as many with differences, for each spread of seeds."""
    return {
        "seeds": list(SEEDS),
        "spend": list(SPEND),
        "contrasts": CONTRASTS,
        "studies": studies,
        "grid": [simulate_cell(ratio, studies) for ratio in RATIOS],
    }


def simulate_cell(ratio: float, studies: int) -> dict[str, float]:
    """Return the shares of studies with a false alarm, the shares of true differences found, and the seeds it took."""
    rng = np.random.default_rng([20_261_130, ratio])
    designs = {"": (SEEDS, SPEND), "fixed_": (SEEDS[-1:], (1,)), "uncorrected_": (SEEDS, (1,) * len(SEEDS))}
    alarms, found, seeds = dict.fromkeys(designs, 0), dict.fromkeys(designs, 0), 0
    for _ in range(studies):
        alike = draw_differences(rng, ratio, 0)
        differing = draw_differences(rng, ratio, EFFECT * find_error(ratio))
        for name, design in designs.items():
            alarms[name] += count_found(follow(alike, *design)) > 0
            if name != "uncorrected_":
                course = follow(differing, *design)
                found[name] += count_found(course)
                seeds += sum(SEEDS[row.number - 1] for row in course.outcomes.values()) if name == "" else 0
    told = {f"{name}false_alarms": count / studies for name, count in alarms.items()}
    told |= {f"{name}found": count / studies / CONTRASTS for name, count in found.items() if name != "uncorrected_"}
    return {"ratio": ratio, **told, "seeds": seeds / studies / CONTRASTS}


def find_error(ratio: float) -> float:
    """Return the standard error of a difference with all seeds; that over items is 1 over the root of their number."""
    return float(np.sqrt((1 + ratio**2 / SEEDS[-1]) / ITEMS))


def draw_differences(rng: np.random.Generator, ratio: float, effect: float) -> np.ndarray:
    """Draw differences to the one run of contrasts by seeds by items, whose items have the variance 1."""
    half = np.sqrt(0.5)  # of the standard deviation, since two runs make a difference
    runs = half * rng.normal(size=(CONTRASTS + 1, 1, ITEMS))
    runs = runs + half * ratio / np.sqrt(ITEMS) * rng.normal(size=(CONTRASTS + 1, SEEDS[-1], 1))
    return runs[1:] - runs[0] + effect


def follow(differences: np.ndarray, seeds: Sequence[int], spend: Sequence[float]) -> Course:
    """Take the looks at simulated differences."""

    def test(pair: Pair, number: int) -> dict:
        return {PLACE: compare(differences[int(pair[0]), : seeds[number - 1]])}

    pairs = [(str(place), "other") for place in range(CONTRASTS)]
    return follow_looks(pairs, spend, test, Rules({PLACE: "higher"}, {PLACE}))


def compare(values: np.ndarray) -> Contrast:
    """Test by Cochran's t that the mean of values `[seeds, items]` is 0; no margin is small enough to be equivalent."""
    seeds, items = values.shape
    parts = (
        Variance(float(values.mean(axis=0).var(ddof=1)) / items, items - 1),
        Variance(float(values.mean(axis=1).var(ddof=1)) / seeds, seeds - 1),
    )
    value = float(values.mean())
    p = min(1.0, 2 * Crossed(np.empty(0), parts).find_tail(abs(value)))
    return Contrast(value, value, value, items, seeds, "crossed", p, 1.0, None, None, 0.0)


def count_found(course: Course) -> int:
    return sum(row.verdict in ("better", "worse") for row in course.outcomes.values())


if __name__ == "__main__":
    write_json(FILE, simulate_grid(STUDIES))
