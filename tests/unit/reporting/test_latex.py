import shutil
import subprocess

import pytest
import render_tables

from tests.unit.comparison.results_factory import LABELS, build_study, write_results
from tests.unit.reporting.page_factory import write_comparison
from tunelab.comparison.results import Results
from tunelab.config.study import Study
from tunelab.records import read_json
from tunelab.reporting.latex import escape, render_contrast_tables, render_cost_tables

PAPER = r"""\documentclass{article}
\usepackage[a3paper,landscape]{geometry}
\usepackage{booktabs}
\begin{document}
\input{main.tex}
\input{contrasts.tex}
\end{document}
"""


def render(folder, **labels):
    spec = build_study()
    for run, label in labels.items():
        spec["runs"][run]["label"] = label
    write_comparison(folder, write_results(folder, spec, rows=12))
    render_tables.main(str(folder), spec, folder / "results.json", [], folder / "main.tex", folder / "contrasts.tex")
    return [(folder / name).read_text(encoding="utf-8") for name in ("main.tex", "contrasts.tex")]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (r"100 % of a_b & {c} #1 $5", r"100 \% of a\_b \& \{c\} \#1 \$5"),
        ("~^\\", r"\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ("−2.5\u202f%", r"\ensuremath{-}2.5\,\%"),
        ("1.0–2.0", "1.0--2.0"),
    ],
)
def test_what_tex_would_take_for_commands_is_escaped(text, escaped):
    assert escape(text) == escaped


def test_tables_have_booktabs_rules_a_row_per_run_and_a_row_per_declared_pair(tmp_path):
    main, contrasts = render(tmp_path, lora="LoRA & 50 % of_it")
    for table in (main, contrasts):
        assert [table.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    assert main.count(r"LoRA \& 50 \% of\_it &") == 1
    assert main.count("\\\\\n") == 2 + len(LABELS)
    assert contrasts.count("\\\\\n") == 1 + 2 * 5
    assert contrasts.count(" better ") + contrasts.count(" worse ") >= 1


def test_metrics_of_drawn_answers_are_called_the_same_in_every_language(tmp_path):
    spec = build_study()
    write_comparison(tmp_path, write_results(tmp_path, spec, rows=8))
    results = Results.model_validate(read_json(tmp_path / "results.json"))
    text = "".join(render_contrast_tables(Study(spec), results, "arithmetic", str.upper))
    for name in ("STRICT ACCURACY", "mean@4", "pass@1", "maj@4"):
        assert text.count(f"& {name} &") == 5


def test_a_table_of_many_rows_comes_in_parts_that_fit_on_a_page():
    row = {"run": "lora", "seed": 1, "train_seconds": 90.0, "steps": 9, "tokens": 9, "peak_memory_bytes": 9}
    row |= {"trainable_parameters": 9, "artefact_bytes": 9}
    parts = render_cost_tables(Study(build_study()), [row] * 85, str.upper)
    assert [part.count("LoRA &") for part in parts] == [40, 40, 5]
    assert all("TRAINING TIME" in part for part in parts)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_the_tables_compile(tmp_path):
    render(tmp_path, lora="LoRA & 50 % of_it ~ ^ \\ {x} #")
    (tmp_path / "paper.tex").write_text(PAPER)
    made = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout[-2000:]
