"""The tables as LaTeX for a paper: booktabs rules, numbers written as on the page, names escaped.

Needs `\\usepackage{booktabs}`; labels in Chinese need XeLaTeX or LuaLaTeX and a font that has them. Titles and verdicts
are the page's own words, in the page's language (`wordings.build_translator`).
"""

from collections.abc import Callable, Iterable

import pandas as pd

from tunelab.comparison.metrics import find_metric, list_headlines
from tunelab.comparison.results import Contrast, Results
from tunelab.config.study import Study
from tunelab.reporting import notation
from tunelab.reporting.findings import build_finding
from tunelab.reporting.notation import MINUS, THIN, format_interval, format_metric
from tunelab.reporting.tables import is_summary

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
DOUBTED = {"starved": "†", "degenerate": "‡"}  # behind a verdict that says little of a run: see `findings`
LONGEST = 40  # rows of a table on one page

Translate = Callable[[str], str]


def render_main_table(study: Study, results: Results, translate: Translate = str) -> str:
    """Render the headline metrics, one row per run, each with its interval behind it; seeds are averaged."""
    columns = [(task, metric) for task in study.tasks for metric in _list_headlines(study, results, task)]
    titles = [(study.task(task)["label"], _title(study, metric, translate)) for task, metric in columns]
    return _render(_list_cells(study, results, columns, study.runs), titles, _label(study, study.runs))


def render_task_tables(study: Study, results: Results, task: str, translate: Translate) -> list[str]:
    """Render the headline metrics of one task, in as many tables as fit on a page each."""
    metrics = _list_headlines(study, results, task)
    titles = [(_title(study, metric, translate),) for metric in metrics]
    columns = [(task, metric) for metric in metrics]
    return [
        _render(_list_cells(study, results, columns, runs), titles, _label(study, runs)) for runs in _split(study.runs)
    ]


def render_contrast_table(study: Study, results: Results, translate: Translate = str) -> str:
    """Render the declared differences on each task's first metric, with their tests and verdicts."""
    rows = [row for row in results.contrasts if row.declared and row.primary and row.task in study.tasks]
    return _render_contrasts(study, rows, translate, ["against", "Task", "Metric"])


def render_contrast_tables(study: Study, results: Results, task: str, translate: Translate) -> list[str]:
    """Render all declared differences on one task or neutral text, in tables that fit on a page each."""
    rows = [row for row in results.contrasts if row.declared and row.task == task]
    return [_render_contrasts(study, part, translate, ["against", "Metric"]) for part in _split(rows)]


def render_cost_tables(study: Study, costs: list[dict], translate: Translate) -> list[str]:
    """Render what each training took; the untouched model was not trained."""
    columns = {
        "Seed": lambda row: str(row["seed"]),
        "Training time": lambda row: notation.format_seconds(row["train_seconds"]),
        "Steps": lambda row: notation.format_count(row["steps"]),
        "Tokens": lambda row: notation.format_count(row["tokens"]),
        "Peak memory": lambda row: notation.format_bytes(row["peak_memory_bytes"]),
        "Trained parameters": lambda row: notation.format_amount(row["trainable_parameters"]),
        "On disk": lambda row: notation.format_bytes(row["artefact_bytes"]),
    }
    titles = [(translate(title),) for title in columns]
    return [
        _render(
            [[write(row) for write in columns.values()] for row in part],
            titles,
            _label(study, [row["run"] for row in part]),
        )
        for part in _split(costs)
    ]


def _list_headlines(study: Study, results: Results, task: str) -> list[str]:
    return list_headlines(study.task(task), task in results.paired)


def _split(rows: list) -> list[list]:
    return [rows[start : start + LONGEST] for start in range(0, len(rows), LONGEST)]


def _label(study: Study, runs: Iterable[str]) -> list[str]:
    return [study.run(run)["label"] for run in runs]


def _title(study: Study, metric: str, translate: Translate) -> str:
    return _name_metric(study, metric, translate) + ARROWS[find_metric(metric, study.own_metrics).better]


def _name_metric(study: Study, metric: str, translate: Translate) -> str:
    described = find_metric(metric, study.own_metrics)
    return described.label if described.is_name else translate(described.label)


def _list_cells(study: Study, results: Results, columns: list[tuple[str, str]], runs: list[str]) -> list[list[str]]:
    found = {(row.run, row.task, row.metric): row for row in results.estimates if is_summary(study, row)}
    return [[_write_cell(found[run, task, metric]) for task, metric in columns] for run in runs]


def _write_cell(row) -> str:
    return f"{format_metric(row.value, row.metric)} {format_interval(dict(row))}"


def _render_contrasts(study: Study, rows: list[Contrast], translate: Translate, names: list[str]) -> str:
    titles = [*names, "Difference", "Wins / losses", "p", "p, corrected", "p of equivalence", "Verdict"]
    cells = [
        [cell for title, cell in _write_contrast(study, row, translate).items() if title in titles] for row in rows
    ]
    translated = [(title if title == "p" else translate(title),) for title in titles]
    return _render(cells, translated, _label(study, [row.run for row in rows]))


def _write_contrast(study: Study, row: Contrast, translate: Translate) -> dict[str, str]:
    finding = build_finding(row.model_dump())
    return {
        "against": study.run(row.against)["label"],
        "Task": study.task(row.task)["label"] if row.task in study.tasks else "",
        "Metric": _name_metric(study, row.metric, translate),
        "Difference": f"{notation.format_difference(row.value, row.metric)} {format_interval(dict(row))}",
        "Wins / losses": "" if row.wins is None else f"{row.wins}:{row.losses}",
        "p": notation.format_p(row.p),
        "p, corrected": notation.format_p(row.p_corrected),
        "p of equivalence": notation.format_p(row.p_equivalence),
        "Verdict": translate(row.verdict)
        + NOISE * finding["below_noise"]
        + "".join(map(DOUBTED.get, finding["doubted"])),
    }


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
