"""Draw the cost of each run against its quality, with the front of runs that no cheaper one surpasses."""

from gettext import NullTranslations

from matplotlib.axes import Axes

from tunelab.comparison import repetition
from tunelab.comparison.consumed import sum_seconds
from tunelab.comparison.results import Estimate, Results
from tunelab.config.metrics import FIRST, METRICS
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines, notation
from tunelab.reporting.figures import (
    Drawing,
    build_panels,
    build_run_handles,
    find_marker,
    format_share,
    format_whole,
    name_axis,
    write_number,
)
from tunelab.reporting.findings import find_pairs, list_contrary, load_results
from tunelab.reporting.notation import find_colour
from tunelab.reporting.tables import is_summary, load_trainings

GREY = "#b5b5b5"
Costs = dict[str, list[float]]  # run → seconds of each seed


def draw_costs(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw one panel per task: training seconds (its start included, mean and range over seeds) against quality."""
    _, results, trainings = words.gettext, load_results(study), load_trainings(study)
    costs = {run: seconds for run in study.runs if (seconds := list_seconds(study, trainings, run))}
    outdone = {task: list_outdone(results, task, costs) for task in study.tasks}
    starved, degenerate = {row.run for row in results.starved}, repetition.find_degenerate(results.sameness)
    headline = headlines.tell_outdone(study, outdone, starved, degenerate, words)
    drawing, panels = build_panels(headline, 1, len(study.tasks), 3.8)
    drawing.figure.get_layout_engine().set(w_pad=0.15)
    for panel, task in zip(panels[0], study.tasks, strict=True):
        metric = FIRST[study.task(task)["kind"]]
        found = {
            row.run: row
            for row in results.estimates
            if (row.task, row.metric) == (task, metric) and is_summary(study, row) and row.run in costs
        }
        if found:  # none where no run has the costs of all its starts
            _draw_front(panel, found, costs, METRICS[metric].better == "higher")
        for run, row in found.items():
            _draw_point(drawing, panel, study, row, costs[run], run in outdone[task], words)
        panel.set_title(study.task(task)["label"])
        panel.set_xlabel(_("training time, starts included (s)"))
        panel.set_ylabel(name_axis(_(METRICS[metric].label), METRICS[metric], words))
        panel.xaxis.set_major_formatter(format_whole)
        if METRICS[metric].style == "percent":
            panel.yaxis.set_major_formatter(format_share)
        panel.margins(x=0.08, y=0.1)
    drawing.figure.legend(
        handles=build_run_handles(study, study.runs), loc="outside lower center", ncols=min(5, len(study.runs))
    )
    return drawing


def list_seconds(study: StudyFolder, trainings: dict, run: str) -> list[float]:
    """List the training seconds of each seed; none where the run it started from is not in the study."""
    if study.run(run)["method"] == "base":
        return [0.0]
    seconds = [sum_seconds(study, trainings, run, seed) for seed in study.list_seeds(run)]
    return [] if None in seconds else seconds


def list_outdone(results: Results, task: str, costs: Costs) -> list[str]:
    """List the runs for which another run is better by the test on a task's first metric, at no more cost.

    A run that the tests show to be worse on some other metric counts as better than none.
    """
    won = [
        (run, against)
        for (name, run, against), row in find_pairs([row.model_dump() for row in results.contrasts]).items()
        if name == task
        and row["verdict"] == "better"
        and {run, against} <= costs.keys()
        and "worse" not in {verdict for _, verdict in list_contrary(row)}
    ]
    return [run for run in costs if any(run == lost and max(costs[by]) <= min(costs[run]) for by, lost in won)]


def list_front(found: dict[str, Estimate], costs: Costs, higher: bool) -> list[tuple[float, float]]:
    """List cost and quality of the runs that are, as measured, better than every cheaper one, cheapest first."""
    points = sorted(
        (sum(costs[run]) / len(costs[run]), row.value if higher else -row.value) for run, row in found.items()
    )
    front: list[tuple[float, float]] = []
    for cost, quality in points:
        if not front or quality > front[-1][1]:
            front = [point for point in front if point[0] < cost] + [(cost, quality)]
    return [(cost, quality if higher else -quality) for cost, quality in front]


def _draw_front(panel: Axes, found: dict[str, Estimate], costs: Costs, higher: bool) -> None:
    """Draw the best quality that each cost bought, up to the highest cost of all."""
    front = list_front(found, costs, higher)
    front.append((max(sum(costs[run]) / len(costs[run]) for run in found), front[-1][1]))
    panel.plot(
        *zip(*front, strict=True), drawstyle="steps-post", color="#8a8a8a", linestyle="--", linewidth=1, zorder=1
    )


def _draw_point(
    drawing: Drawing,
    panel: Axes,
    study: Study,
    row: Estimate,
    seconds: list[float],
    is_outdone: bool,
    words: NullTranslations,
) -> None:
    colour, middle = GREY if is_outdone else find_colour(study, row.run), sum(seconds) / len(seconds)
    panel.plot([middle, middle], [row.low, row.high], color=colour, linewidth=2, alpha=0.6)
    panel.plot([min(seconds), max(seconds)], [row.value, row.value], color=colour, linewidth=2, alpha=0.6)
    (mark,) = panel.plot(middle, row.value, find_marker(study, row.run), color=colour, markersize=8)
    metric = f"{words.gettext(METRICS[row.metric].label)} {write_number(row)}"
    drawing.explain(mark, study.run(row.run)["label"], notation.format_seconds(middle), metric)
