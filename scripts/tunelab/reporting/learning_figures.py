"""Draw how the loss of supervised runs fell, on training batches and on validation rows."""

from gettext import NullTranslations

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines, notation
from tunelab.reporting.colours import find_colour
from tunelab.reporting.curves import Curve, History, average, draw_curve, load_histories
from tunelab.reporting.figures import Drawing, build_panels, build_run_handles, find_marker, format_whole

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
    colour, held_out = find_colour(study, run), average(histories, HELD_OUT, axis)
    draw_curve(panel, average(histories, "loss", axis), colour, alpha=0.6, linewidth=1.2)
    draw_curve(panel, held_out, colour, linestyle="--")
    for place, (across, value) in enumerate(zip(held_out.across, held_out.values, strict=True)):
        (mark,) = panel.plot(across, value, find_marker(study, run), color=colour, markersize=6)
        drawing.explain(mark, study.run(run)["label"], *_describe(held_out, place, len(histories), words))


def _describe(curve: Curve, place: int, seeds: int, words: NullTranslations) -> list[str]:
    _ = words.gettext
    step = _("step %(step)s") % {"step": notation.format_count(curve.steps[place])}
    value = f"{_('validation rows')} {notation.format_metric(curve.values[place], 'loss')}"
    if seeds == 1:
        return [step, value]
    ends = notation.format_interval({"low": curve.lows[place], "high": curve.highs[place]}, "loss")
    return [step, f"{value} {ends}", _("%(seeds)s seeds, lowest to highest") % {"seeds": seeds}]
