"""Draw how good each run became against how far it moved: divergence from its base, loss on neutral texts."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tunelab.comparison.items import name_text
from tunelab.comparison.metrics import CONTRASTED, METRICS
from tunelab.comparison.results import Estimate, Results
from tunelab.config.study import Study
from tunelab.reporting.colours import find_colour
from tunelab.reporting.figures import build_panels, build_run_handles, find_marker
from tunelab.reporting.tables import is_summary


class Across(NamedTuple):
    """What a panel has across: a metric of a task or neutral text, and how the axis is called."""

    task: str
    metric: str
    name: str


def draw_forgetting(study: Study, results: Results) -> Figure:
    """Draw one line of panels per task: its first metric against divergence on it, and against each text's loss.

    A grey line leads from a run's start to the run.
    """
    found = {(row.run, row.task, row.metric): row for row in results.estimates if is_summary(study, row)}
    figure, panels = build_panels(len(study.tasks), 1 + len(study.list_texts()), 3.2)
    figure.get_layout_engine().set(w_pad=0.1)
    for line, task in zip(panels, study.tasks, strict=True):
        metric = CONTRASTED[study.task(task)["kind"]][0]
        for panel, across in zip(line, list_across(study, task), strict=True):
            ends = {run: (found[run, across.task, across.metric], found[run, task, metric]) for run in study.runs}
            _draw_points(panel, study, ends)
            panel.set(title=study.task(task)["label"], xlabel=across.name)
        line[0].set_ylabel(f"{METRICS[metric].label} ({METRICS[metric].better} is better)")
        if METRICS[metric].style == "percent":
            for panel in line:
                panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    handles = build_run_handles(study, study.runs)
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure


def list_across(study: Study, task: str) -> list[Across]:
    texts = [Across(name_text(text), "loss", f"loss on {text} text") for text in study.list_texts()]
    return [Across(task, "kl", "divergence from untouched"), *texts]


def _draw_points(panel: Axes, study: Study, ends: dict[str, tuple[Estimate, Estimate]]) -> None:
    for run, (across, up) in ends.items():
        colour = find_colour(study, run)
        start = study.find_shown(run, "init_from") if study.run(run)["method"] != "base" else None
        if start is not None:
            values = zip(*((side.value for side in ends[name]) for name in (start, run)), strict=True)
            panel.plot(*values, color="#b5b5b5", linewidth=1, zorder=1)
        panel.plot([across.value, across.value], [up.low, up.high], color=colour, linewidth=2, alpha=0.6)
        panel.plot([across.low, across.high], [up.value, up.value], color=colour, linewidth=2, alpha=0.6)
        panel.plot(across.value, up.value, find_marker(study, run), color=colour, markersize=8)
    panel.margins(x=0.08, y=0.1)
