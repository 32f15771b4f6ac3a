"""Write answers and verdicts in every-eval-ever's format, which other tools read: one row for each item and metric.

The format (version 0.3.0, https://github.com/evaleval/every_eval_ever) asks of each row whether the answer is right, so
that only metrics are written that tell.
"""

import hashlib
import json
from typing import Any

from tunelab.comparison.metrics import list_measured
from tunelab.config.metrics import METRICS
from tunelab.data.turns import tell_turn
from tunelab.jobs.layout import StudyFolder

VERSION = "0.3.0"
# of these metrics the scores tell which text they judge
EXTRACTED = {"strict": "tagged", "tagged": "tagged", "flexible": "flexible"}


def list_samples(study: StudyFolder) -> dict[str, bytes]:
    """Return one file (JSON Lines) for each run, seed and task whose answers are right or wrong, by its path."""
    files = {}
    for task in study.list_answered():
        metrics = [name for name in list_measured(study.task(task)["kind"]) if _is_verdict(name)]
        rows = {
            row["id"]: row for row in study.load(study.dataset_file(study.task(task)["dataset"], "test_dataset.json"))
        }
        for run, seed in study.list_arms() if metrics else ():
            scores, answers = (
                {row["id"]: row for row in study.load(study.task_file(run, seed, task, f"{name}.jsonl"))}
                for name in ("scores", "answers")
            )
            named = {
                "schema_version": VERSION,
                "evaluation_id": f"{study.spec['study']['results']}/{run}/seed{seed}",
                "model_id": f"tunelab/{run}-seed{seed}",
                "evaluation_name": task,
            }
            written = [
                named | _build_row(metric, rows[item], answers[item], scores[item])
                for metric in metrics
                for item in answers
            ]
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in written)
            files[f"every_eval_ever/{run}/seed{seed}/{task}_samples.jsonl"] = text.encode("utf-8", "backslashreplace")
    return files


def _is_verdict(metric: str) -> bool:
    described = METRICS[metric]
    return described.is_share and described.better == "higher" and described.file == "scores.jsonl"


def _build_row(metric: str, row: dict[str, Any], answer: dict[str, Any], score: dict[str, Any]) -> dict[str, Any]:
    *prompt, reference = row["messages"]
    asked = {"raw": "\n\n".join(map(tell_turn, prompt)), "reference": [tell_turn(reference)]}
    extracted = score.get("extracted", {}).get(EXTRACTED.get(metric))
    attribution = {
        "turn_idx": 0,
        "source": "output.raw",
        "extracted_value": extracted,
        "extraction_method": "regex",
        "is_terminal": True,
    }
    return {
        "evaluation_result_id": metric,
        "sample_id": row["id"],
        "sample_hash": hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": asked,
        "output": {"raw": [answer["completion"]]},
        "answer_attribution": [] if extracted is None else [attribution],
        "evaluation": {"score": float(score[metric]), "is_correct": bool(score[metric])},
    }
