"""Draw the quality of each run against how far it moved: divergence from its base, and loss on neutral texts."""

from gettext import NullTranslations
from typing import NamedTuple

from matplotlib.axes import Axes

from tunelab.comparison.metrics import name_text
from tunelab.comparison.results import Estimate
from tunelab.config.metrics import FIRST, METRICS
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines
from tunelab.reporting.figures import (
    Drawing,
    build_panels,
    build_run_handles,
    find_marker,
    format_share,
    name_axis,
    write_number,
)
from tunelab.reporting.findings import load_results
from tunelab.reporting.notation import find_colour
from tunelab.reporting.tables import is_summary


class Across(NamedTuple):
    """What a panel has across: a metric of a task or neutral text, and how the axis is called."""

    task: str
    metric: str
    name: str


def draw_forgetting(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw one line of panels per task: its first metric against divergence on it, and against each text's loss.

    A grey line leads from a run's start to the run.
    """
    _, results = words.gettext, load_results(study)
    found = {(row.run, row.task, row.metric): row for row in results.estimates if is_summary(study, row)}
    texts = [name_text(text) for text in study.list_texts()]
    headline = headlines.tell_changes(study, results, texts, words) or _("How far each run moved, and what it gained")
    drawing, panels = build_panels(headline, len(study.tasks), 1 + len(texts), 3.2)
    drawing.figure.get_layout_engine().set(w_pad=0.1)
    for line, task in zip(panels, study.tasks, strict=True):
        metric = FIRST[study.task(task)["kind"]]
        for panel, across in zip(line, list_across(study, task, words), strict=True):
            ends = {run: (found[run, across.task, across.metric], found[run, task, metric]) for run in study.runs}
            _draw_starts(panel, study, ends)
            for run, (sideways, up) in ends.items():
                _draw_point(drawing, panel, study, run, across.name, sideways, up, words)
            panel.set(title=study.task(task)["label"], xlabel=across.name)
            panel.margins(x=0.08, y=0.1)
            if METRICS[metric].style == "percent":
                panel.yaxis.set_major_formatter(format_share)
        line[0].set_ylabel(name_axis(_(METRICS[metric].label), METRICS[metric], words))
    drawing.figure.legend(handles=build_run_handles(study, study.runs), loc="outside lower center", ncols=5)
    return drawing


def list_across(study: Study, task: str, words: NullTranslations) -> list[Across]:
    _ = words.gettext
    loss = _("loss on %(text)s text")
    texts = [Across(name_text(text), "loss", loss % {"text": text}) for text in study.list_texts()]
    return [Across(task, "kl", _("divergence from untouched")), *texts]


def _draw_starts(panel: Axes, study: Study, ends: dict[str, tuple[Estimate, Estimate]]) -> None:
    for run in study.list_trained():
        start = study.find_shown(run, "init_from")
        if start is not None:
            values = zip(*((side.value for side in ends[name]) for name in (start, run)), strict=True)
            panel.plot(*values, color="#b5b5b5", linewidth=1, zorder=1)


def _draw_point(
    drawing: Drawing,
    panel: Axes,
    study: Study,
    run: str,
    name: str,
    across: Estimate,
    up: Estimate,
    words: NullTranslations,
) -> None:
    colour = find_colour(study, run)
    panel.plot([across.value, across.value], [up.low, up.high], color=colour, linewidth=2, alpha=0.6)
    panel.plot([across.low, across.high], [up.value, up.value], color=colour, linewidth=2, alpha=0.6)
    (mark,) = panel.plot(across.value, up.value, find_marker(study, run), color=colour, markersize=8)
    metric = f"{words.gettext(METRICS[up.metric].label)} {write_number(up)}"
    drawing.explain(mark, study.run(run)["label"], metric, f"{name} {write_number(across)}")
