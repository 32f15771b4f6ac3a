"""Draw how much of a difference in strict accuracy is layout and how much is skill."""

from gettext import NullTranslations

from tunelab.comparison.gain_rows import Gain
from tunelab.comparison.results import Results
from tunelab.config.study import Study
from tunelab.reporting import notation
from tunelab.reporting.figures import Drawing, build_panels, format_points, name_pair, write_rows

COLOURS = {"layout": "#949494", "skill": "#0173b2"}
HATCHES = {"layout": "//", "skill": ""}


def draw_gains(study: Study, results: Results, words: NullTranslations) -> Drawing:
    """Draw one panel per maths task, one bar per declared pair, its two parts stacked, the total as a mark.

    A difference that could not be split has its mark alone.
    """
    _ = words.gettext
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
