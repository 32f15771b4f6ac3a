"""Draw the declared differences between runs as a forest plot, with the margin of equivalence as a band.

Every row names its runs on the left, and verdict, difference and n on the right, so that it needs no legend.
"""

from gettext import NullTranslations

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tunelab.comparison.results import Contrast, Results
from tunelab.config.metrics import METRICS, Metric
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines, notation
from tunelab.reporting.figures import (
    LONGEST_LABEL,
    Drawing,
    build_panels,
    count_columns,
    find_marker,
    format_points,
    name_axis,
    name_pair,
    write_rows,
)
from tunelab.reporting.findings import load_results
from tunelab.reporting.notation import find_colour

AROUND, ROW, TALL = 1.15, 0.28, 0.42  # inches around a task's rows, of a row, and of one whose name takes two lines
COLUMNS = (12, 100, 245)  # points between the panel and verdict, difference and n
SIGNS = {"better": "▲", "worse": "▼", "equivalent": "≈", "undecided": "?"}
DECIDED, UNDECIDED = "#1a1a1a", "#6b6b6b"


def draw_contrasts(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw one panel per task, on its first metric: a row per declared pair, the margin as a grey band."""
    results = load_results(study)
    rows = {task: list_rows(results, task) for task in study.tasks}
    longest = max(count_columns(name_pair(study, row)) for row in rows[study.tasks[0]])
    split = longest > 1.5 * LONGEST_LABEL
    heights = [AROUND + (TALL if split else ROW) * len(rows[task]) for task in study.tasks]
    drawing, panels = build_panels(
        headlines.tell_contrasts(study, results, words), len(rows), 1, sum(heights) / len(rows), height_ratios=heights
    )
    drawing.figure.get_layout_engine().set(h_pad=0.1)
    for (panel,), (task, contrasts) in zip(panels, rows.items(), strict=True):
        _set_up(panel, METRICS[contrasts[0].metric], contrasts[0], words)
        panel.set_title(study.task(task)["label"])
        for place, row in enumerate(contrasts):
            _draw_row(drawing, panel, study, row, place, words)
        names = [name_pair(study, row, "\n" if split else " ") for row in contrasts]
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.5, -1.1)
    return drawing


def list_rows(results: Results, task: str) -> list[Contrast]:
    """List the declared differences on a task's first metric."""
    return [row for row in results.contrasts if row.declared and row.primary and row.task == task]


def _set_up(panel: Axes, metric: Metric, row: Contrast, words: NullTranslations) -> None:
    """Draw what all rows of a task share: the margin, zero, the axis and the direction of better."""
    _ = words.gettext
    panel.axvspan(-row.margin, row.margin, color="#dcdcdc", zorder=0)
    panel.axvline(0, color="#777777", linewidth=1, zorder=1)
    margin = _("margin ±%(size)s") % {"size": notation.format_size(row.margin, row.metric)}
    panel.text(0, -0.75, margin, ha="center", va="center", fontsize=8, color=UNDECIDED)
    panel.set_title(
        _("better →") if metric.better == "higher" else _("← better"), loc="right", fontsize=9, color=UNDECIDED
    )
    panel.set_xlabel(name_axis(_("difference in %(metric)s") % {"metric": _(metric.label)}, metric, words))
    panel.xaxis.set_major_locator(MaxNLocator(6))
    if metric.style == "percent":
        panel.xaxis.set_major_formatter(format_points)
    panel.margins(x=0.06)
    panel.grid(axis="y", visible=False)


def _draw_row(drawing: Drawing, panel: Axes, study: Study, row: Contrast, place: int, words: NullTranslations) -> None:
    _ = words.gettext
    decided, colour = row.verdict != "undecided", find_colour(study, row.run)
    panel.plot([row.low, row.high], [place, place], color=colour, linewidth=2, alpha=0.6)
    marker = {"marker": find_marker(study, row.run), "markerfacecolor": colour if decided else "white"}
    (mark,) = panel.plot(row.value, place, color=colour, markersize=7, **marker)
    difference = f"{notation.format_difference(row.value, row.metric)} {notation.format_interval(row.model_dump())}"
    columns = f"{SIGNS[row.verdict]} {_(row.verdict)}", difference, write_rows(row.n)
    for offset, text in zip(COLUMNS, columns, strict=True):
        panel.annotate(
            text,
            (1, place),
            (offset, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=DECIDED if decided else UNDECIDED,
            fontweight="bold" if decided and offset == COLUMNS[0] else "normal",
        )
    metric = _(METRICS[row.metric].label)
    drawing.explain(
        mark, name_pair(study, row), study.task(row.task)["label"], metric, difference, _(row.verdict), columns[2]
    )
