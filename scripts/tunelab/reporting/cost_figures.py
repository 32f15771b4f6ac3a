"""Draw what a run cost against how good it became; a run that another one beats on both is greyed."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tunelab.comparison.metrics import CONTRASTED, METRICS
from tunelab.comparison.results import Estimate, Results
from tunelab.config.study import Study
from tunelab.reporting.colours import find_colour
from tunelab.reporting.figures import build_panels, build_run_handles, find_marker
from tunelab.reporting.tables import is_summary, sum_chain_seconds

GREY = "#b5b5b5"


def draw_costs(study: Study, results: Results, trainings: dict[tuple[str, int], dict]) -> Figure:
    """Draw one panel per task: training seconds (its start included, mean and range over seeds) against quality."""
    figure, panels = build_panels(1, len(study.tasks), 3.6)
    figure.get_layout_engine().set(w_pad=0.15)
    costs = {run: list_seconds(study, trainings, run) for run in study.runs}
    for panel, task in zip(panels[0], study.tasks, strict=True):
        metric = CONTRASTED[study.task(task)["kind"]][0]
        found = {
            row.run: row
            for row in results.estimates
            if (row.task, row.metric) == (task, metric) and is_summary(study, row) and costs[row.run]
        }
        _draw_points(panel, study, found, costs, metric)
        panel.set(title=study.task(task)["label"], xlabel="training time, starts included (s)")
    figure.legend(
        handles=build_run_handles(study, study.runs), loc="outside lower center", ncols=min(5, len(study.runs))
    )
    return figure


def list_seconds(study: Study, trainings: dict, run: str) -> list[float]:
    """List the training seconds of each seed; none where the run it started from is not in the study."""
    if study.run(run)["method"] == "base":
        return [0.0]
    seconds = [sum_chain_seconds(study, trainings, run, seed) for seed in study.list_seeds(run)]
    return [] if None in seconds else seconds


def list_dominated(found: dict[str, Estimate], costs: dict[str, list[float]], higher: bool) -> set[str]:
    """List the runs that another run beats: at most its cost, and better by the whole of both intervals."""

    def beats(other: str, run: str) -> bool:
        better = found[other].low > found[run].high if higher else found[other].high < found[run].low
        return better and max(costs[other]) <= min(costs[run])

    return {run for run in found if any(beats(other, run) for other in found if other != run)}


def _draw_points(panel: Axes, study: Study, found: dict[str, Estimate], costs: dict, metric: str) -> None:
    described = METRICS[metric]
    dominated = list_dominated(found, costs, described.better == "higher")
    for run, row in found.items():
        colour, seconds = GREY if run in dominated else find_colour(study, run), costs[run]
        middle = sum(seconds) / len(seconds)
        panel.plot([middle, middle], [row.low, row.high], color=colour, linewidth=2, alpha=0.6)
        panel.plot([min(seconds), max(seconds)], [row.value, row.value], color=colour, linewidth=2, alpha=0.6)
        panel.plot(middle, row.value, find_marker(study, run), color=colour, markersize=8)
    panel.set_ylabel(f"{described.label} ({described.better} is better)")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    if described.style == "percent":
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    panel.margins(x=0.08, y=0.1)
