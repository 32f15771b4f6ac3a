"""Render the tables as LaTeX for a paper: booktabs rules, numbers written as on the page, names escaped.

They need `\\usepackage{booktabs}`; labels in Chinese need XeLaTeX or LuaLaTeX and a font that has them. Columns are
those of `tables`; titles and verdicts are the page's own words in its language (`wordings.build_translator`).
"""

from collections.abc import Callable, Iterable
from itertools import chain

import pandas as pd

from tunelab.comparison.metrics import find_metric, list_headlines
from tunelab.comparison.results import Results
from tunelab.config.study import Study
from tunelab.reporting import tables
from tunelab.reporting.findings import build_finding
from tunelab.reporting.notation import (
    MINUS,
    THIN,
    format_difference,
    format_interval,
    format_metric,
    format_styled,
)
from tunelab.reporting.tables import Column

# TeX's own signs are escaped; what pdfTeX's fonts lack is written with marks that look right in every font
ESCAPES = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{THIN: r"\,", MINUS: r"\ensuremath{-}", "–": "--", "…": r"\dots{}", "\N{NO-BREAK SPACE}": "~"},
        **{"\N{NON-BREAKING HYPHEN}": "-", "≈": r"\ensuremath{\approx}", "≠": r"\ensuremath{\neq}"},
        **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
        **{"↑": r"\ensuremath{\uparrow}", "↓": r"\ensuremath{\downarrow}"},
    }
)
ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}
NOISE = "*"  # behind the verdict on a difference that is no larger than what repeating an evaluation changed
DOUBTED = {"starved": "†", "edge": "§", "degenerate": "‡"}  # behind a verdict that says little of a run: see `findings`
LONGEST = 40  # rows of a table on one page

Translate = Callable[[str], str]


def render_main_table(study: Study, results: Results, translate: Translate = str) -> str:
    """Render the headline metrics, one row per run, each with its interval behind it; seeds are averaged."""
    built = [_build_main_table(study, results, task, translate) for task in study.tasks]
    titles = [
        (study.task(task)["label"], title)
        for task, (titles, _) in zip(study.tasks, built, strict=True)
        for title in titles
    ]
    cells = [list(chain(*rows)) for rows in zip(*(cells for _, cells in built), strict=True)]
    return _render(cells, titles, _label(study, study.runs))


def render_task_tables(study: Study, results: Results, task: str, translate: Translate) -> list[str]:
    """Render the headline metrics of one task, in as many tables as fit on a page each."""
    titles, cells = _build_main_table(study, results, task, translate)
    parts = zip(_split(cells), _split(_label(study, study.runs)), strict=True)
    return [_render(rows, [(title,) for title in titles], labels) for rows, labels in parts]


def render_contrast_table(study: Study, results: Results, translate: Translate = str) -> str:
    """Render the declared differences on each task's first metric, with their tests and verdicts."""
    rows = [row for row in results.contrasts if row.declared and row.primary and row.task in study.tasks]
    return _render_rows(study, tables.CONTRASTS, [build_finding(row.model_dump()) for row in rows], translate)


def render_contrast_tables(study: Study, results: Results, task: str, translate: Translate) -> list[str]:
    """Render all declared differences on one task or neutral text, in tables that fit on a page each."""
    rows = [build_finding(row.model_dump()) for row in results.contrasts if row.declared and row.task == task]
    columns = [column for column in tables.CONTRASTS if column.key != "task"]
    return [_render_rows(study, columns, part, translate) for part in _split(rows)]


def render_tuned_tables(study: Study, tuned: list[dict], translate: Translate) -> list[str]:
    """Render which settings were chosen for tuned runs, and how these did on rows that had no part in the choice."""
    return [_render_rows(study, tables.TUNED, part, translate) for part in _split(tuned)]


def render_cost_tables(study: Study, costs: list[dict], translate: Translate) -> list[str]:
    """Render what each training took; the untouched model was not trained."""
    return [_render_rows(study, tables.COSTS, part, translate) for part in _split(costs)]


def render_consumed_tables(study: Study, rows: list[dict], translate: Translate) -> list[str]:
    """Render what each run consumed."""
    return [_render_rows(study, tables.CONSUMED, part, translate) for part in _split(rows)]


def _split(rows: list) -> list[list]:
    return [rows[start : start + LONGEST] for start in range(0, len(rows), LONGEST)]


def _label(study: Study, runs: Iterable[str]) -> list[str]:
    return [study.run(run)["label"] for run in runs]


def _build_main_table(
    study: Study, results: Results, task: str, translate: Translate
) -> tuple[list[str], list[list[str]]]:
    """Build titles and cells of a task's headline metrics, one row per run."""
    find, metrics = tables.find_estimates(results), list_headlines(study.task(task), task in results.paired)
    columns = tables.list_columns(tables.list_main_columns(metrics), tables.LATEX)
    rows = [
        tables.build_main_row(study, find, run, tables.find_summary_seed(study, run), task, metrics)
        for run in study.runs
    ]
    return _list_titles(study, columns, translate), _list_cells(study, columns, rows, translate)


def _render_rows(study: Study, columns: Iterable[Column], rows: list[dict], translate: Translate) -> str:
    shown = tables.list_columns(columns, tables.LATEX)
    titles = [(title,) for title in _list_titles(study, shown, translate)]
    return _render(_list_cells(study, shown, rows, translate), titles, _label(study, [row["run"] for row in rows]))


def _list_titles(study: Study, columns: list[Column], translate: Translate) -> list[str]:
    return [
        _title(study, column.key, translate) if column.style == "estimate" else translate(column.heading)
        for column in columns
    ]


def _title(study: Study, metric: str, translate: Translate) -> str:
    return _name_metric(study, metric, translate) + ARROWS[find_metric(metric, study.own_metrics).better]


def _name_metric(study: Study, metric: str, translate: Translate) -> str:
    described = find_metric(metric, study.own_metrics)
    return described.label if described.is_name else translate(described.label)


def _list_cells(study: Study, columns: list[Column], rows: list[dict], translate: Translate) -> list[list[str]]:
    return [[write_cell(study, column, row, translate) for column in columns] for row in rows]


def write_cell(study: Study, column: Column, row: dict, translate: Translate) -> str:
    """Write a row's value of a column; numbers are written as on the page."""
    value = column.read(row)
    match column.style:
        case "":
            return str(value)
        case "run":
            return study.run(value)["label"]
        case "task":
            return study.task(value)["label"]
        case "metric_name":
            return _name_metric(study, value, translate)
        case "estimate":
            return f"{format_metric(value['value'], value['metric'])} {format_interval(value)}"
        case "difference":
            return f"{format_difference(value, row['metric'])} {format_interval(row)}"
        case "balance":
            return "" if value is None else f"{row['wins']}:{row['losses']}"
        case "words":
            return value
        case "gained" | "drop" | "test" if value is None:
            return ""
        case "gained":
            return f"{format_difference(value, row['metric'])} {format_interval(row['gained'], row['metric'])}"
        case "drop":
            return format_difference(value, row["metric"])
        case "test":
            return f"{format_metric(value, row['metric'])} {format_interval(row['test'], row['metric'])}"
        case "verdict":
            return translate(value) + NOISE * row["below_noise"] + "".join(map(DOUBTED.get, row["doubted"]))
        case "utilised" if value is not None:
            return format_styled(value, "percent", row)
        case "utilised":
            return "–"
        case _:
            return format_styled(value, column.style, row)


def _render(cells: list[list[str]], titles: list[tuple[str, ...]], rows: list[str]) -> str:
    escaped = [tuple(map(escape, title)) for title in titles]
    columns = pd.MultiIndex.from_tuples(escaped) if len(escaped[0]) > 1 else [title for (title,) in escaped]
    frame = pd.DataFrame([list(map(escape, row)) for row in cells], columns=columns, index=list(map(_begin_row, rows)))
    return frame.style.to_latex(hrules=True, multicol_align="c", column_format="l" + "r" * len(titles))


def _begin_row(label: str) -> str:
    """Write the first cell of a row so that the end of the row before it does not take it for an option."""
    return "{}" * label.startswith(("[", "*")) + escape(label)


def escape(text: str) -> str:
    """Escape what TeX would take for commands."""
    return text.translate(ESCAPES)
