"""Draw what trainings logged over steps, tokens or seconds: the mean over seeds, with a band from lowest to highest."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tunelab.jobs.layout import StudyFolder

BAND = 0.18  # opacity
History = list[dict]


class Curve(NamedTuple):
    """Points along a training: their steps, where they lie across (a mean over seeds), and means and ends of values."""

    steps: list[int]
    across: list[float]
    values: list[float]
    lows: list[float]
    highs: list[float]


def load_histories(study: StudyFolder, run: str) -> list[History]:
    """Load a run's history of each seed."""
    return [study.load(study.run_file(run, seed, "history.jsonl")) for seed in study.list_seeds(run)]


def average(histories: list[History], name: str, axis: str = "step") -> Curve:
    """Average a logged value over seeds, at the steps at which all of them logged it; none where one never did."""
    logged = [{row["step"]: row for row in history if {name, axis} <= row.keys()} for history in histories]
    steps = sorted(set.intersection(*map(set, logged)))
    found = [[seed[step] for seed in logged] for step in steps]
    values = [[row[name] for row in rows] for rows in found]
    return Curve(
        steps,
        [sum(row[axis] for row in rows) / len(rows) for rows in found],
        [sum(each) / len(each) for each in values],
        [min(each) for each in values],
        [max(each) for each in values],
    )


def draw_curve(panel: Axes, curve: Curve, colour: str, **style: object) -> Line2D:
    """Draw a curve's line, and its band where seeds differ."""
    (line,) = panel.plot(curve.across, curve.values, color=colour, **style)
    if curve.lows != curve.highs:
        panel.fill_between(curve.across, curve.lows, curve.highs, color=colour, alpha=BAND, linewidth=0)
    return line
