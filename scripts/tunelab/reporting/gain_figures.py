"""Draw how much of a difference in strict accuracy is layout and how much is reasoning."""

from matplotlib.figure import Figure

from tunelab.comparison.results import Results
from tunelab.config.study import Study
from tunelab.reporting.figures import build_panels, format_points, shorten_label

COLOURS = {"format": "#949494", "reasoning": "#0173b2"}
HATCHES = {"format": "//", "reasoning": ""}


def draw_gains(study: Study, results: Results) -> Figure:
    """Draw one panel per maths task, one bar per declared pair, its two parts stacked, the total as a mark."""
    tasks = list(dict.fromkeys(gain.task for gain in results.gains))
    rows = {task: [gain for gain in results.gains if gain.task == task] for task in tasks}
    figure, panels = build_panels(1, len(tasks), 1.6 + 0.36 * max(map(len, rows.values())))
    for panel, task in zip(panels[0], tasks, strict=True):
        for place, gain in enumerate(rows[task]):
            left = {True: 0.0, False: 0.0}
            for part in COLOURS:
                value = getattr(gain, part).value
                side = value >= 0
                panel.barh(
                    place,
                    value,
                    left=left[side],
                    height=0.55,
                    color=COLOURS[part],
                    hatch=HATCHES[part],
                    edgecolor="white",
                )
                left[side] += value
            panel.plot(gain.total.value, place, "D", color="black", markersize=6, clip_on=False)
        names = [f"{shorten_label(study, row.run)} − {shorten_label(study, row.against)}" for row in rows[task]]
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.set(title=study.task(task)["label"], xlabel="difference in strict accuracy")
        panel.xaxis.set_major_formatter(format_points)
        panel.axvline(0, color="#777777", linewidth=1)
    handles = [panel.barh([0], [0], color=COLOURS[part], hatch=HATCHES[part], label=part) for part in COLOURS]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure
