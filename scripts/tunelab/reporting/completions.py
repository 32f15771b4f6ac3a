"""Choose what is shown of GRPO's completions, by a rule that no one can bend: the first ones drawn, early and late.

Only the first seed of each run is shown.
"""

from statistics import fmean
from typing import Any

import pyarrow.parquet as pq

from tunelab.jobs.layout import StudyFolder

SHOWN = 3
COLUMNS = {"step", "prompt", "answer", "completion", "reward", "advantage", "tokens", "truncated"}


def build_completions(study: StudyFolder, run: str) -> list[dict]:
    """Build GRPO's first and last logged step: one question and the first completions drawn for it, with rewards."""
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
