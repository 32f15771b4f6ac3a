"""Draw the declared differences between runs with their intervals, beside the band that counts as no difference."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tunelab.comparison.metrics import METRICS
from tunelab.comparison.results import Contrast, Results
from tunelab.config.study import Study
from tunelab.reporting.colours import find_colour
from tunelab.reporting.figures import build_panels, find_marker, format_points, shorten_label

HEIGHT = 0.34  # inches per difference


def draw_contrasts(study: Study, results: Results) -> Figure:
    """Draw one panel per task, on its first metric: a row per declared pair, the margin as a grey band."""
    rows = {task: list_rows(results, task) for task in study.tasks}
    longest = max(map(len, rows.values()))
    figure, panels = build_panels(1, len(study.tasks), 1.5 + HEIGHT * longest, sharey=True)
    figure.get_layout_engine().set(w_pad=0.15)
    for panel, task in zip(panels[0], study.tasks, strict=True):
        _draw_rows(panel, study, rows[task], METRICS[rows[task][0].metric])
        panel.set_title(study.task(task)["label"])
    first = panels[0][0]
    names = [f"{shorten_label(study, row.run)} − {shorten_label(study, row.against)}" for row in rows[study.tasks[0]]]
    first.set_yticks(range(longest), names)
    first.set_ylim(longest - 0.5, -0.5)
    return figure


def list_rows(results: Results, task: str) -> list[Contrast]:
    """List the declared differences on a task's first metric."""
    return [row for row in results.contrasts if row.declared and row.primary and row.task == task]


def _draw_rows(panel: Axes, study: Study, rows: list[Contrast], metric) -> None:
    margin = rows[0].margin
    panel.axvspan(-margin, margin, color="#dcdcdc", zorder=0)
    panel.axvline(0, color="#777777", linewidth=1, zorder=1)
    for place, row in enumerate(rows):
        colour, decided = find_colour(study, row.run), row.verdict != "undecided"
        panel.plot([row.low, row.high], [place, place], color=colour, linewidth=2, alpha=0.6)
        fill = colour if decided else "white"
        panel.plot(row.value, place, find_marker(study, row.run), color=colour, markerfacecolor=fill, markersize=7)
    better = f" ({metric.better} is better)" if metric.better else ""
    panel.set_xlabel(f"difference in {metric.label}{better}")
    panel.xaxis.set_major_locator(MaxNLocator(5))
    if metric.style == "percent":
        panel.xaxis.set_major_formatter(format_points)
    panel.margins(x=0.1)
