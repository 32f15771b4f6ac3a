"""Choose what is shown of the answers and of GRPO's completions, by rules that no one can bend.

Questions are taken in the order of the test file, the first that fits a description; the page names the description.
Only the first seed of each run is shown.
"""

from statistics import fmean, median_low
from typing import Any

import pyarrow.parquet as pq

from tunelab.study import Study

SHOWN_COMPLETIONS = 3
COMPLETION_COLUMNS = {"step", "prompt", "answer", "completion", "reward", "advantage", "tokens", "truncated"}


def build_samples(study: Study, task: str) -> list[dict]:
    """Build a few questions, each with its reference and every run's answer and verdicts."""
    questions = {
        row["id"]: row for row in study.load(study.dataset_file(study.task(task)["dataset"], "test_dataset.json"))
    }
    answers, scores = (
        {run: _load_by_id(study, run, task, name) for run in study.runs} for name in ("answers", "scores")
    )
    choose = {"maths": choose_sums, "text": choose_texts}[study.task(task)["kind"]]
    chosen = choose({item: [scores[run][item] for run in study.runs] for item in questions})
    return [
        {
            "why": why,
            "id": item,
            "messages": questions[item]["messages"][:-1],
            "reference": questions[item]["messages"][-1]["content"],
            "answer": questions[item].get("answer"),
            "runs": [{"run": run, **answers[run][item], "scores": scores[run][item]} for run in study.runs],
        }
        for why, item in chosen
    ]


def _load_by_id(study: Study, run: str, task: str, name: str) -> dict[str, dict]:
    rows = study.load(study.task_file(run, study.list_seeds(run)[0], task, f"{name}.jsonl"))
    return {row["id"]: row for row in rows}


def choose_sums(scores: dict[str, list[dict]]) -> list[tuple[str, str]]:
    """Choose by how many runs are strictly right: two where they disagree, one all wrong, one all right."""
    right = {item: sum(row["strict"] for row in rows) for item, rows in scores.items()}
    runs = len(next(iter(scores.values())))
    some = [("some runs are right, some wrong", item) for item, count in right.items() if 0 < count < runs]
    none = [("no run is right", item) for item, count in right.items() if count == 0]
    every = [("every run is right", item) for item, count in right.items() if count == runs]
    return some[:2] + none[:1] + every[:1]


def choose_texts(scores: dict[str, list[dict]]) -> list[tuple[str, str]]:
    """Choose by ROUGE-L averaged over the runs: best, middle and worst, and where the runs lie farthest apart."""
    means = {item: fmean(row["rouge_l"] for row in rows) for item, rows in scores.items()}
    spread = {item: max(r["rouge_l"] for r in rows) - min(r["rouge_l"] for r in rows) for item, rows in scores.items()}
    middle = median_low(means.values())
    ranked = [
        ("best average likeness to the reference", max(means, key=means.get)),
        ("runs farthest apart", max(spread, key=spread.get)),
        ("middle of the field", next(item for item, mean in means.items() if mean == middle)),
        ("worst average likeness to the reference", min(means, key=means.get)),
    ]
    first = {item: why for why, item in reversed(ranked)}  # a question that fits twice is shown once
    return [(why, item) for why, item in ranked if first[item] == why]


def build_completions(study: Study, run: str) -> list[dict]:
    """Build GRPO's first and last logged step: one question and the first completions drawn for it, with rewards."""
    path = study.find(study.run_file(run, study.list_seeds(run)[0], "completions.parquet"))
    steps = pq.read_table(path, columns=["step"])["step"].to_pylist()
    ends = sorted({min(steps), max(steps)})
    return [_build_step(pq.read_table(path, filters=[("step", "=", step)]).to_pylist(), step) for step in ends]


def _build_step(rows: list[dict[str, Any]], step: int) -> dict:
    same = [row for row in rows if row["prompt"] == rows[0]["prompt"]]
    parts = [name for name in rows[0] if name not in COMPLETION_COLUMNS]
    return {
        "step": step,
        "drawn": len(rows),
        "mean_reward": fmean(row["reward"] for row in rows),
        "prompt": rows[0]["prompt"],
        "answer": rows[0]["answer"],
        "completions": [row | {"parts": {name: row[name] for name in parts}} for row in same[:SHOWN_COMPLETIONS]],
    }
