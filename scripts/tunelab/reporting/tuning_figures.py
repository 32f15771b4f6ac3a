"""Draw how the trials of tuned runs did on validation rows, by the value of the first field that was tried."""

import itertools
import math
from collections.abc import Sequence
from gettext import NullTranslations
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tunelab.comparison.choice_rows import Choice, TrialScore
from tunelab.comparison.metrics import find_metric
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines
from tunelab.reporting.figures import Drawing, build_panels, format_share, name_axis, shorten_label
from tunelab.reporting.findings import load_results
from tunelab.reporting.notation import find_colour, format_metric
from tunelab.reporting.settings import render_setting
from tunelab.reporting.tuned_runs import write_settings

COLUMNS = 3  # panels side by side, at most
BEYOND = 0.6  # of the distance of two neighbouring values: how far the shading reaches


def draw_tuning(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw one panel for each tuned run, with a dot for each trial and seed."""
    choices = [row.choice for row in load_results(study).tuned]
    columns = min(COLUMNS, len(choices))
    headline = headlines.tell_tuning(study, choices, words)
    drawing, panels = build_panels(headline, math.ceil(len(choices) / columns), columns, 3.0)
    flat = [panel for line in panels for panel in line]
    for panel, choice in zip(flat, choices, strict=False):
        _draw_choice(drawing, panel, study, choice, words)
    for panel in flat[len(choices) :]:
        panel.set_axis_off()
    _ = words.gettext
    handles = [
        Line2D([], [], color="#555555", marker="o", linestyle="", label=_("trial and seed")),
        Line2D([], [], color="#555555", marker="x", linestyle="", label=_("did not learn")),
        _build_ring(_("chosen")),
        Line2D([], [], color="#555555", linestyle="--", label=_("the run's own setting")),
        Patch(color="#eeeeee", label=_("not tried")),
    ]
    drawing.figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return drawing


def _build_ring(label: str) -> Line2D:
    look = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "markeredgecolor": "black", "linestyle": ""}
    return Line2D([], [], label=label, **look)


def place_values(values: Sequence[Any]) -> dict[str, float]:
    """Place the values of a field across: positive numbers by their logarithm, all others in their order."""
    distinct = {render_setting(value): value for value in values}
    if all(isinstance(value, int | float) and value > 0 for value in distinct.values()):
        return {name: math.log10(value) for name, value in distinct.items()}
    return {name: float(place) for place, name in enumerate(distinct)}


def _draw_choice(drawing: Drawing, panel: Axes, study: Study, choice: Choice, words: NullTranslations) -> None:
    _ = words.gettext
    field = next(iter(choice.settings))
    tried = [trial.settings[field] for trial in choice.trials]
    places = place_values([*tried, *([choice.own[field]] if choice.own[field] is not None else [])])
    metric = find_metric(choice.metric, study.own_metrics)
    values = [value for trial in choice.trials for value in trial.by_seed]
    worst = min(values) if metric.better == "higher" else max(values)
    for trial in choice.trials:
        _draw_trial(drawing, panel, study, choice, trial, (places[render_setting(trial.settings[field])], worst), words)
    if choice.own[field] is not None:
        panel.axvline(places[render_setting(choice.own[field])], color="#555555", linestyle="--", linewidth=1, zorder=0)
    _shade(panel, sorted({places[render_setting(value)] for value in tried}))
    panel.set_xticks(list(places.values()), list(places), rotation=30, ha="right", fontsize=9)
    panel.set_xlabel(field.partition(".")[2])
    panel.set_ylabel(name_axis(metric.label if metric.is_name else _(metric.label), metric, words))
    if metric.style == "percent":
        panel.yaxis.set_major_formatter(format_share)
    panel.margins(y=0.15)
    panel.set_title(shorten_label(study, choice.run))


def _draw_trial(
    drawing: Drawing,
    panel: Axes,
    study: Study,
    choice: Choice,
    trial: TrialScore,
    where: tuple[float, float],
    words: NullTranslations,
) -> None:
    _ = words.gettext
    across, worst = where
    label, told = study.run(choice.run)["label"], write_settings(trial.settings)
    if trial.value is None:
        (mark,) = panel.plot(across, worst, "x", color="#555555", markersize=8)
        drawing.explain(mark, label, told, _("did not learn"))
        return
    for seed, value in zip(choice.seeds, trial.by_seed, strict=True):
        (mark,) = panel.plot(across, value, "o", color=find_colour(study, choice.run), markersize=6)
        seeded = _("seed %(seed)s") % {"seed": seed}
        drawing.explain(mark, label, told, seeded, format_metric(value, choice.metric))
    if trial.name == choice.chosen:
        (mark,) = panel.plot(
            across, trial.value, "o", markersize=13, markerfacecolor="none", markeredgecolor="black", linewidth=1
        )
        drawing.explain(mark, label, told, _("chosen"), format_metric(trial.value, choice.metric))


def _shade(panel: Axes, places: list[float]) -> None:
    """Shade what lies beyond the values that were tried."""
    step = BEYOND * min((after - before for before, after in itertools.pairwise(places)), default=1.0)
    low, high = panel.get_xlim()
    ends = min(low, places[0] - step), max(high, places[-1] + step)
    panel.axvspan(ends[0], places[0] - step / 3, color="#eeeeee", zorder=-1)
    panel.axvspan(places[-1] + step / 3, ends[1], color="#eeeeee", zorder=-1)
    panel.set_xlim(*ends)
