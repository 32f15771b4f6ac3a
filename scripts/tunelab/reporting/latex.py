"""The tables as LaTeX for a paper: booktabs rules, numbers written as on the page, names escaped.

Needs `\\usepackage{booktabs}`; labels in Chinese need XeLaTeX or LuaLaTeX and a font that has them.
"""

import pandas as pd

from tunelab.comparison.metrics import find_metric, list_headlines
from tunelab.comparison.results import Contrast, Results
from tunelab.config.study import Study
from tunelab.reporting.notation import MINUS, THIN, format_decimal, format_interval, format_metric
from tunelab.reporting.tables import is_summary

# TeX's own signs are escaped; what pdfTeX's fonts lack is written with marks that look right in every font
ESCAPES = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{THIN: r"\,", MINUS: r"\ensuremath{-}", "–": "--", "…": r"\dots{}"},
        **{"↑": r"\ensuremath{\uparrow}", "↓": r"\ensuremath{\downarrow}"},
    }
)
ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}


def render_main_table(study: Study, results: Results) -> str:
    """Render the headline metrics, one row per run, each with its interval below; seeds are averaged."""
    found = {(row.run, row.task, row.metric): row for row in results.estimates if is_summary(study, row)}
    columns = [(task, metric) for task in study.tasks for metric in list_headlines(study.task(task))]
    cells = [[_write_cell(found[run, task, metric]) for task, metric in columns] for run in study.runs]
    described = [find_metric(metric, study.own_metrics) for _, metric in columns]
    titles = [
        (study.task(task)["label"], metric.label + ARROWS[metric.better])
        for (task, _), metric in zip(columns, described, strict=True)
    ]
    return _render(cells, titles, [study.run(run)["label"] for run in study.runs])


def render_contrast_table(study: Study, results: Results) -> str:
    """Render the declared differences on each task's first metric, with their tests and verdicts."""
    rows = [row for row in results.contrasts if row.declared and row.primary and row.task in study.tasks]
    titles = ["against", "task", "metric", "difference", "discordant", "p", "p (Holm)", "p (equivalence)", "verdict"]
    cells = [_write_contrast(study, row) for row in rows]
    return _render(cells, [(title,) for title in titles], [study.run(row.run)["label"] for row in rows])


def _write_cell(row) -> str:
    return f"{format_metric(row.value, row.metric)} {format_interval(dict(row))}"


def _write_contrast(study: Study, row: Contrast) -> list[str]:
    discordant = "" if row.wins is None else f"{row.wins}:{row.losses}"
    return [
        study.run(row.against)["label"],
        study.task(row.task)["label"],
        find_metric(row.metric).label,
        _write_cell(row),
        discordant,
        *(format_decimal(p, 3) for p in (row.p, row.p_corrected, row.p_equivalence)),
        row.verdict,
    ]


def _render(cells: list[list[str]], titles: list[tuple[str, ...]], rows: list[str]) -> str:
    escaped = [tuple(map(escape, title)) for title in titles]
    columns = pd.MultiIndex.from_tuples(escaped) if len(escaped[0]) > 1 else [title for (title,) in escaped]
    frame = pd.DataFrame([list(map(escape, row)) for row in cells], columns=columns, index=list(map(escape, rows)))
    return frame.style.to_latex(hrules=True, multicol_align="c", column_format="l" + "r" * len(titles))


def escape(text: str) -> str:
    """Escape what TeX would take for commands."""
    return text.translate(ESCAPES)
