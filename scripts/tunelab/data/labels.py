"""Drawn answers with labels, of which a run learns to give the right ones and not the wrong ones."""

import random
from typing import Any

from tunelab.config.specs.training import KtoRun
from tunelab.errors import UserError


def label_answers(
    drawn: list[dict[str, Any]], rows: list[dict[str, Any]], spec: KtoRun, run: str, seed: int
) -> list[dict[str, Any]]:
    """Return records of `id`, `messages` (up to the answer), `completion` (a turn) and `label`, as they were drawn.

    drawn: judged answers, as `judging.drawn` gives them; rows: the training rows whose questions they answer; seed:
    the study's, by which the answers of a control run exchange their labels. An answer that was cut is left out.

    Raises:
        UserError: if those that end are all right, or all wrong.
    """
    questions = {row["id"]: row for row in rows}
    ended = [answer for answer in drawn if not answer["truncated"]]
    labels = [bool(answer["right"]) for answer in ended]
    if len(set(labels)) < 2:
        lacking = "wrong" if any(labels) else "right"
        raise UserError(
            f"runs.{run}.samples: of {len(drawn)} drawn answers {len(ended)} end within their tokens, and none of "
            f"these is {lacking}, so there is nothing to tell apart. Draw more answers (samples), raise "
            "max_new_tokens, or draw from another run."
        )
    if spec.labels == "shuffled":
        random.Random(seed).shuffle(labels)
    return [
        {
            "id": f"{answer['id']}-s{answer['sample']}",
            "messages": questions[answer["id"]]["messages"][:-1],
            "completion": {"role": "assistant", "content": answer["completion"]},
            "label": label,
            "answer": answer["answer"],
        }
        for answer, label in zip(ended, labels, strict=True)
    ]
