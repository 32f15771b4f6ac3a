"""Draw how the loss of supervised runs fell, on training batches and on validation rows."""

from gettext import NullTranslations
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines
from tunelab.reporting.figures import Drawing, build_panels, build_run_handles, find_marker, format_whole
from tunelab.reporting.notation import MINUS, find_colour, format_count

# --- Curves of logged values over steps, tokens or seconds: the mean over seeds, with a band from lowest to highest

BAND = 0.18  # opacity
History = list[dict]


class Curve(NamedTuple):
    """Points along a training: their steps, where they lie across (a mean over seeds), and means and ends of values."""

    seeds: int
    steps: list[int]
    across: list[float]
    values: list[float]
    lows: list[float]
    highs: list[float]


def load_histories(study: StudyFolder, run: str) -> list[History]:
    """Load a run's history of each seed."""
    return [study.load(study.run_file(run, seed, "history.jsonl")) for seed in study.list_seeds(run)]


def average(histories: list[History], name: str, axis: str = "step") -> Curve:
    """Average a logged value over seeds, at the steps at which all of them logged it."""
    logged = [{row["step"]: row for row in history if {name, axis} <= row.keys()} for history in histories]
    steps = sorted(set.intersection(*map(set, logged)))
    found = [[seed[step] for seed in logged] for step in steps]
    values = [[row[name] for row in rows] for rows in found]
    return Curve(
        len(histories),
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


def describe_point(curve: Curve, place: int, words: NullTranslations) -> list[str]:
    """Describe a point by its step and value, with several seeds also by the lowest and the highest value."""
    _ = words.gettext
    step = _("step %(step)s") % {"step": format_count(curve.steps[place])}
    # four digits, since a divergence can be as small as a loss is large
    value, low, high = (f"{ends[place]:.4g}".replace("-", MINUS) for ends in (curve.values, curve.lows, curve.highs))
    if curve.seeds == 1:
        return [step, value]
    return [step, f"{value} [{low}, {high}]", _("%(seeds)s seeds, lowest to highest") % {"seeds": curve.seeds}]


# --- Learning curves

HELD_OUT = "eval_loss"


def draw_learning_curves(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw training and validation loss, one column per data set, against tokens seen and against seconds."""
    _ = words.gettext
    runs = study.list_runs("sft")
    if not runs:
        raise UserError("study.runs has no run with `method: sft`, so there are no learning curves to draw.")
    axes = {"tokens": _("tokens seen"), "seconds": _("training time (s)")}
    datasets = list(dict.fromkeys(study.run(run)["dataset"] for run in runs))
    histories = {run: load_histories(study, run) for run in runs}
    measured = {run: average(each, HELD_OUT).values for run, each in histories.items()}
    drawing, panels = build_panels(headlines.tell_losses(study, measured, words), len(axes), len(datasets), 3.2)
    drawing.figure.get_layout_engine().set(w_pad=0.15, h_pad=0.1)
    for column, dataset in enumerate(datasets):
        for line, (axis, name) in enumerate(axes.items()):
            panel = panels[line][column]
            for run in runs:
                if study.run(run)["dataset"] == dataset:
                    _draw_losses(drawing, panel, study, run, histories[run], axis, words)
            title = _("trained on %(dataset)s") % {"dataset": dataset} if line == 0 else ""
            panel.set(title=title, xlabel=name, ylabel=_("loss (nats per token)"))
            panel.xaxis.set_major_formatter(format_whole)
            panel.xaxis.set_major_locator(MaxNLocator(5))
    kinds = [
        Line2D([], [], color="#555555", alpha=0.6, linewidth=1.2, label=_("training batches")),
        Line2D([], [], color="#555555", linestyle="--", marker="o", label=_("validation rows")),
    ]
    handles = build_run_handles(study, runs) + kinds
    drawing.figure.legend(handles=handles, loc="outside lower center", ncols=min(7, len(handles)))
    return drawing


def _draw_losses(
    drawing: Drawing,
    panel: Axes,
    study: Study,
    run: str,
    histories: list[History],
    axis: str,
    words: NullTranslations,
) -> None:
    _ = words.gettext
    colour, held_out = find_colour(study, run), average(histories, HELD_OUT, axis)
    draw_curve(panel, average(histories, "loss", axis), colour, alpha=0.6, linewidth=1.2)
    draw_curve(panel, held_out, colour, linestyle="--")
    for place, (across, value) in enumerate(zip(held_out.across, held_out.values, strict=True)):
        (mark,) = panel.plot(across, value, find_marker(study, run), color=colour, markersize=6)
        drawing.explain(mark, study.run(run)["label"], _("validation rows"), *describe_point(held_out, place, words))
