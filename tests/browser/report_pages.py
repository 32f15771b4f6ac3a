"""Render pages of made-up studies whose answers and verdicts are given by simple rules."""

from collections.abc import Callable
from pathlib import Path

from tests.unit.comparison.results_factory import LABELS, build_study
from tests.unit.reporting.page_factory import prepare_study, render_page
from tunelab.records import read_jsonl, write_jsonl

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 800}
ROWS, SEEDS = 60, (1, 2)
CONTRASTS = [["grpo", "base"], ["lora", "prefix"]]
STRICT = {"base": 3, "grpo": 2}  # a run is strictly right on the rows whose place is a multiple of this
FLEXIBLE = {"base": 1, "grpo": 2}  # by its last number
LIKENESS = {"base": (0.5, 0.5, 0.5), "grpo": (0.4, 0.55, 0.6)}  # ROUGE-L by place modulo three


def build_known_study(runs: tuple[str, ...] = tuple(LABELS), seeds: tuple[int, ...] = (1,)) -> dict:
    study = build_study(runs, seeds)
    study["comparison"]["contrasts"] = CONTRASTS
    return study


def write_page(root: Path, study: dict, rows: int = ROWS, spoil: Callable[[Path], None] | None = None) -> Path:
    """Write a study's results below `root`, judge them by rule, and render; `spoil` may change the files before."""
    prepare_study(root, study, rows=rows, drawn=True)
    return finish_page(root, study, spoil)


def finish_page(root: Path, study: dict, spoil: Callable[[Path], None] | None = None) -> Path:
    for path in root.glob("runs/*/*/*/scores.jsonl"):
        write_jsonl(path, [judge(row, place, path.parents[2].name) for place, row in enumerate(read_jsonl(path))])
    for path in root.glob("runs/*/*/*/answers.jsonl"):
        words = f"from {path.parents[2].name}"
        write_jsonl(path, [row | {"completion": f"Answer {i} {words}"} for i, row in enumerate(read_jsonl(path))])
    if spoil:
        spoil(root)
    render_page(root, study)
    return root / "report.html"


def judge(row: dict, place: int, run: str) -> dict:
    if "rouge_l" in row:
        return row | {"rouge_l": LIKENESS.get(run, (0.2, 0.2, 0.2))[place % 3], "chrf": 12.5, "truncated": False}
    strict, flexible = (run in rule and place % rule[run] == 0 for rule in (STRICT, FLEXIBLE))
    return row | {"strict": strict, "flexible": flexible, "strict_format": strict, "truncated": False}
