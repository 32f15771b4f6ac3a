"""Draw how good followed runs became along the way: against what they had consumed, and against how far they moved."""

from gettext import NullTranslations

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tunelab.comparison.metrics import find_metric
from tunelab.comparison.results import Followed, Results
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines
from tunelab.reporting.figures import Drawing, build_panels, build_run_handles, find_marker, format_share, name_axis
from tunelab.reporting.findings import load_results
from tunelab.reporting.notation import find_colour, format_metric, format_operations

BAND = 0.18  # opacity
format_amount = FuncFormatter(lambda value, _: format_operations(value) if value else "0")


def draw_trajectories(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw a line of panels for each task: its first metric against operations and, if measured, divergence."""
    results = load_results(study)
    tasks = list(dict.fromkeys(row.task for row in results.reached))
    axes = ["flops", *(["kl"] if study.spec["drift"] else [])]
    drawing, panels = build_panels(headlines.tell_followed(study, results, words), len(tasks), len(axes), 3.4)
    for line, task in zip(panels, tasks, strict=True):
        for panel, axis in zip(line, axes, strict=True):
            _draw_task(drawing, panel, study, results, (task, axis), words)
        line[0].set_title(study.task(task)["label"])
    runs = list(dict.fromkeys(row.run for row in results.reached))
    handles = build_run_handles(study, runs)
    drawing.figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)))
    return drawing


def _draw_task(
    drawing: Drawing, panel: Axes, study: Study, results: Results, where: tuple[str, str], words: NullTranslations
) -> None:
    _ = words.gettext
    task, axis = where
    rows = [row for row in results.followed if row.task == task]
    first = rows[0].metric
    metric = find_metric(first)
    for run in dict.fromkeys(row.run for row in rows):
        own = [row for row in rows if row.run == run]
        moved = {row.point: row.value for row in own if row.summary and row.metric == "kl"}
        points = sorted((row for row in own if row.summary and row.metric == first), key=lambda row: row.point)
        across = [row.spent.flops if axis == "flops" else moved[row.point] for row in points]
        colour = find_colour(study, run)
        panel.plot(across, [row.value for row in points], color=colour, linewidth=1.4, zorder=2)
        _draw_band(panel, [row for row in own if not row.summary and row.metric == first], points, across, colour)
        for place, row in zip(across, points, strict=True):
            _draw_point(drawing, panel, study, row, place, words)
    if axis == "flops":
        panel.axvline(next(row.limit for row in results.reached if row.task == task), color="#8a8a8a", linestyle="--")
        panel.xaxis.set_major_formatter(format_amount)
        panel.set_xlabel(_("operations consumed"))
    else:
        panel.set_xlabel(_("KL from the untouched model (nats per token)"))
    panel.set_ylabel(name_axis(metric.label if metric.is_name else _(metric.label), metric, words))
    if metric.style == "percent":
        panel.yaxis.set_major_formatter(format_share)
    panel.xaxis.set_major_locator(MaxNLocator(4))


def _draw_band(panel: Axes, seeds: list[Followed], points: list[Followed], across: list[float], colour: str) -> None:
    """Draw the band from the lowest to the highest seed; an untouched model has one value."""
    found = [[row.value for row in seeds if row.point == point.point] or [point.value] for point in points]
    if any(len(values) > 1 for values in found):
        panel.fill_between(across, list(map(min, found)), list(map(max, found)), color=colour, alpha=BAND, linewidth=0)


def _draw_point(
    drawing: Drawing, panel: Axes, study: Study, row: Followed, across: float, words: NullTranslations
) -> None:
    _ = words.gettext
    colour = find_colour(study, row.run)
    face = "white" if row.point == 0 else colour
    look = {"color": colour, "markerfacecolor": face, "markersize": 6, "zorder": 3}
    (mark,) = panel.plot(across, row.value, find_marker(study, row.run), **look)
    where = _("where it began") if row.point == 0 else _("point %(point)s") % {"point": row.point}
    value = format_metric(row.value, row.metric)
    drawing.explain(mark, study.run(row.run)["label"], where, value, format_operations(row.spent.flops))
