"""Collect what trainings drew and logged: completions, drawn answers, and the signs of preference learning.

Of completions the first ones of the first and of the last step are shown, so that nobody chooses them; of each run only
the first seed.
"""

from statistics import fmean
from typing import Any

from tunelab.config.methods import SIGNALLING
from tunelab.config.metrics import FIRST
from tunelab.jobs.layout import StudyFolder

SHOWN = 3
COLUMNS = {"step", "prompt", "answer", "completion", "reward", "advantage", "tokens", "truncated"}


def build_completions(study: StudyFolder, run: str) -> list[dict]:
    """Build GRPO's first and last logged step: one question and the first completions drawn for it, with rewards."""
    import pyarrow.parquet as pq  # which `make compare` has not

    path = study.find(study.run_file(run, study.list_seeds(run)[0], "completions.parquet"))
    steps = pq.read_table(path, columns=["step"])["step"].to_pylist()
    ends = sorted({min(steps), max(steps)})
    return [_build_step(pq.read_table(path, filters=[("step", "=", step)]).to_pylist(), step) for step in ends]


def _build_step(rows: list[dict[str, Any]], step: int) -> dict:
    same = [row for row in rows if row["prompt"] == rows[0]["prompt"]]
    parts = [name for name in rows[0] if name not in COLUMNS]
    earned = [row["reward"] for row in rows if row["reward"] is not None]
    return {
        "step": step,
        "drawn": len(rows),
        "mean_reward": fmean(earned) if earned else None,
        "prompt": rows[0]["prompt"],
        "answer": rows[0]["answer"],
        "completions": [row | {"parts": {name: row[name] for name in parts}} for row in same[:SHOWN]],
    }


# --- Drawn answers, and the rows that runs learnt of them


def build_samples(study: StudyFolder) -> dict[str, Any]:
    """Build one row per drawing, and one per run and seed that learnt from it; empty where nothing was drawn."""
    drawings = [
        {"name": name, "seed": seed, "source": study.spec["samples"][name]["run"]}
        | study.load(study.samples_file(name, seed, "summary.json"))
        for name, seed in study.list_drawings()
    ]
    learners = [
        {"run": run, "seed": seed, "samples": study.run(run)["samples"]}
        | study.load(study.run_file(run, seed, "choice.json"))
        for run, seed in study.list_arms(study.list_learners())
    ]
    for row in learners:
        alike = [set(other["questions"]) for other in learners if _is_beside(row, other)]
        row["common"] = len(set.intersection(*alike))
    return {"drawings": drawings, "learners": learners} if drawings else {}


def _is_beside(row: dict, other: dict) -> bool:
    return (row["samples"], row["seed"]) == (other["samples"], other["seed"])


# --- Signals: what the trainer of preferences logged, beside the answers that the run then gave
# A model can prefer every right answer to the wrong one and write none of them: the logged accuracy of pairs rises
# while both answers become less likely. The page shows both, and names the runs that collapsed. The logged accuracy is
# of training pairs; beside it stands that of held-out pairs.

LOGGED = ("rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected")
FIFTH = 0.2  # share of the steps that tells how a training ended; single steps scatter


def build_signals(study: StudyFolder, find: dict, pairs: dict, implicit: list[dict]) -> list[dict[str, Any]]:
    """Build one row per run and seed: what was logged in the last fifth of the steps, and how its task went after it.

    find: estimates by (run, seed, task, metric); pairs: findings by (task, run, against); implicit: of `Results`.
    `implicit` of a row is None where the task has no pairs.
    """
    held_out = {(row["run"], row["seed"], row["task"]): row for row in implicit}
    rows = []
    for run, seed in study.list_arms(study.list_runs(*SIGNALLING)):
        logged = summarise_end(study.load(study.run_file(run, seed, "history.jsonl")))
        for task in study.list_taught(run):
            metric = FIRST[study.task(task)["kind"]]
            start = study.find_shown(run, "init_from")
            against = pairs.get((task, run, start))
            row = {"run": run, "seed": seed, "task": task, "start": start, "against": against, **logged}
            row["implicit"] = held_out.get((run, seed, task))
            rows.append(row | {"estimate": find[run, seed, task, metric], "collapsed": is_collapsed(logged, against)})
    return rows


def summarise_end(history: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the mean of each logged value over the last steps; None for what this method does not log."""
    values = {name: take_end(history, name) for name in LOGGED}
    return {name.partition("/")[2]: fmean(found) if found else None for name, found in values.items()}


def take_end(history: list[dict[str, Any]], name: str) -> list[float]:
    """Return what was logged under a name in the last fifth of the steps."""
    return _take(history, slice(-_count_fifth(history), None), name)


def take_start(history: list[dict[str, Any]], name: str) -> list[float]:
    """Return what was logged under a name in the first fifth of the steps."""
    return _take(history, slice(_count_fifth(history)), name)


def _take(history: list[dict[str, Any]], part: slice, name: str) -> list[float]:
    return [row[name] for row in _list_steps(history)[part] if name in row]


def _count_fifth(history: list[dict[str, Any]]) -> int:
    return max(1, round(FIFTH * len(_list_steps(history))))


def _list_steps(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in history if "loss" in row]


def is_collapsed(logged: dict[str, float | None], against: dict[str, Any] | None) -> bool:
    """Tell whether both answers became less likely than at the start while the answers that it writes became worse."""
    fell = all(logged[name] is not None and logged[name] < 0 for name in ("chosen", "rejected"))
    return fell and against is not None and against["verdict"] == "worse"
