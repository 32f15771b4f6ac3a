"""Draw the headline metrics of every run on every task, and what of a difference is layout and what is skill."""

from gettext import NullTranslations

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tunelab.comparison.metrics import list_used
from tunelab.comparison.result_rows import Gain
from tunelab.config.metrics import METRICS
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines, notation
from tunelab.reporting.figures import (
    Drawing,
    build_panels,
    find_marker,
    format_points,
    format_share,
    name_axis,
    name_pair,
    shorten_label,
    write_number,
    write_rows,
)
from tunelab.reporting.findings import load_results
from tunelab.reporting.notation import find_colour

SPREAD = 0.22  # how far the dots of several seeds lie apart, in rows


def draw_tasks(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw one row of panels per task and one dot per run and seed, in the order of the study."""
    _, results = words.gettext, load_results(study)
    found = {(row.run, row.seed, row.task, row.metric): row for row in results.estimates}
    widest = max(len(list_used("plotted", study.task(task)["kind"])) for task in study.tasks)
    headline = headlines.tell_changes(study, results, study.tasks, words) or _("Every run on every task")
    drawing, panels = build_panels(headline, len(study.tasks), widest, 1.3 + 0.32 * len(study.runs), sharey=True)
    for line, task in zip(panels, study.tasks, strict=True):
        metrics = list_used("plotted", study.task(task)["kind"])
        for i, panel in enumerate(line):
            if i >= len(metrics):
                panel.set_axis_off()
                continue
            _draw_dots(drawing, panel, study, found, task, metrics[i], words)
            panel.set_title(study.task(task)["label"] if i == 0 else "")
    drawing.figure.get_layout_engine().set(w_pad=0.14, h_pad=0.1)
    first = panels[0][0]
    first.set_yticks(range(len(study.runs)), [shorten_label(study, run) for run in study.runs])
    first.set_ylim(len(study.runs) - 0.5, -0.5)
    return drawing


def _draw_dots(
    drawing: Drawing, panel: Axes, study: Study, found: dict, task: str, metric: str, words: NullTranslations
) -> None:
    _ = words.gettext
    described = METRICS[metric]
    name = _(described.label)
    for place, run in enumerate(study.runs):
        seeds = study.list_seeds(run)
        for i, seed in enumerate(seeds):
            row = found[run, seed, task, metric]
            height = place + (0 if len(seeds) == 1 else SPREAD * (2 * i / (len(seeds) - 1) - 1))
            panel.plot([row.low, row.high], [height, height], color=find_colour(study, run), linewidth=2, alpha=0.55)
            look = {"marker": find_marker(study, run), "color": find_colour(study, run), "markersize": 7}
            (mark,) = panel.plot(row.value, height, **look)
            label = study.run(run)["label"]
            if len(seeds) > 1:
                label = _("%(run)s, seed %(seed)s") % {"run": label, "seed": seed}
            drawing.explain(mark, label, study.task(task)["label"], f"{name} {write_number(row)}")
    panel.set_xlabel(name_axis(name, described, words))
    panel.xaxis.set_major_locator(MaxNLocator(5))
    if described.style == "percent":
        panel.set_xlim(-0.03, 1.03)
        panel.xaxis.set_major_formatter(format_share)
    else:
        panel.margins(x=0.12)


# --- Gains: layout and skill in differences of strict accuracy

COLOURS = {"layout": "#949494", "skill": "#0173b2"}
HATCHES = {"layout": "//", "skill": ""}


def draw_gains(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw one panel per maths task, one bar per declared pair, its two parts stacked, the total as a mark.

    A difference that could not be split has its mark alone.
    """
    _, results = words.gettext, load_results(study)
    parts = {"layout": _("layout"), "skill": _("skill")}
    splits = {"layout": _("split by the layout"), "lenient": _("split by the last number"), None: _("not split")}
    tasks = list(dict.fromkeys(gain.task for gain in results.gains))
    rows = {task: [gain for gain in results.gains if gain.task == task] for task in tasks}
    headline = _("Differences in strict accuracy, split into layout and skill")
    drawing, panels = build_panels(headline, 1, len(tasks), 1.6 + 0.36 * max(map(len, rows.values())))
    for panel, task in zip(panels[0], tasks, strict=True):
        for place, gain in enumerate(rows[task]):
            left = {True: 0.0, False: 0.0}
            for part in parts if gain.split else ():
                value = getattr(gain, part).value
                side = value >= 0
                look = {"color": COLOURS[part], "hatch": HATCHES[part], "edgecolor": "white"}
                (bar,) = panel.barh(place, value, left=left[side], height=0.55, **look)
                drawing.explain(bar, *_describe(study, gain, part, parts[part]), splits[gain.split])
                left[side] += value
            (mark,) = panel.plot(gain.total.value, place, "D", color="black", markersize=6, clip_on=False)
            drawing.explain(mark, *_describe(study, gain, "total", _("strict accuracy")), splits[gain.split])
        names = [name_pair(study, row) for row in rows[task]]
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.set_title(study.task(task)["label"])
        panel.set_xlabel(_("difference in %(metric)s") % {"metric": _("strict accuracy")})
        panel.xaxis.set_major_formatter(format_points)
        panel.axvline(0, color="#777777", linewidth=1)
    handles = [panel.barh([0], [0], color=COLOURS[part], hatch=HATCHES[part], label=parts[part]) for part in parts]
    drawing.figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return drawing


def _describe(study: Study, gain: Gain, part: str, name: str) -> list[str]:
    found = getattr(gain, part)
    difference = notation.format_difference(found.value, "strict")
    interval = notation.format_interval(found.model_dump(), "strict")
    return [name_pair(study, gain), f"{name} {difference} {interval}", write_rows(found.n)]
