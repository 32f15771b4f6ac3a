"""Pairs of drawn answers to one question, of which a run learns to prefer the right one."""

import random
from itertools import product
from typing import Any

from tunelab.config.specs.training import PairsSpec
from tunelab.errors import UserError

LONGEST = 1.5  # how many times as long as the other an answer of a pair may be, where lengths are matched


def pair_answers(
    drawn: list[dict[str, Any]], rows: list[dict[str, Any]], spec: PairsSpec, run: str, seed: int
) -> list[dict[str, Any]]:
    """Return records of `id`, `messages` (up to the answer), `chosen` and `rejected` (a turn each), by question.

    drawn: judged answers, as `judging.drawn` gives them; rows: the training rows whose questions they answer; seed:
    the study's, of the tosses of a control run. An answer that was cut is in no pair.

    Raises:
        UserError: if no question has both a right and a wrong answer.
    """
    questions = {row["id"]: row for row in rows}
    toss = random.Random(seed)
    pairs = []
    for name, answers in _group(drawn).items():
        for right, wrong in _match(answers, spec):
            chosen, rejected = (wrong, right) if spec.labels == "shuffled" and toss.random() < 0.5 else (right, wrong)
            pairs.append(
                {
                    "id": f"{name}-s{chosen['sample']}-s{rejected['sample']}",
                    "messages": questions[name]["messages"][:-1],
                    "chosen": {"role": "assistant", "content": chosen["completion"]},
                    "rejected": {"role": "assistant", "content": rejected["completion"]},
                    "answer": chosen["answer"],
                }
            )
    if not pairs:
        raise UserError(
            f"runs.{run}.pairs: of {len(drawn)} drawn answers no question has both a right and a wrong one that ends "
            f"within its tokens{' and is of like length' if spec.length_matched else ''}, so there is no pair to learn "
            "from. Draw more answers (samples), raise max_new_tokens, or draw from a run that is right more often."
        )
    return pairs


def _group(drawn: list[dict]) -> dict[str, list[dict]]:
    """Return each question's answers that end, none of them twice."""
    groups: dict[str, dict[str, dict]] = {}
    for answer in drawn:
        if not answer["truncated"]:
            groups.setdefault(answer["id"], {}).setdefault(answer["completion"], answer)
    return {name: list(answers.values()) for name, answers in groups.items()}


def _match(answers: list[dict], spec: PairsSpec) -> list[tuple[dict, dict]]:
    """Pair right and wrong answers in the order of drawing, or the nearest in length first."""
    right, wrong = ([answer for answer in answers if answer["right"] is kind] for kind in (True, False))
    if not right or not wrong:
        return []
    most = min(spec.per_question or len(answers), max(len(right), len(wrong)))
    if not spec.length_matched:
        return [(right[index % len(right)], wrong[index % len(wrong)]) for index in range(most)]
    nearest = sorted(product(right, wrong), key=lambda pair: abs(pair[0]["tokens"] - pair[1]["tokens"]))
    fitting = [pair for pair in nearest if _is_alike(*pair)]
    return fitting[:most]


def _is_alike(one: dict, other: dict) -> bool:
    shorter, longer = sorted((one["tokens"], other["tokens"]))
    return longer <= LONGEST * shorter
