"""Choose the drawn answers that a run learns from: labelled answers (KTO), pairs (DPO), or right answers (SFT).

The rows have the form of `train_dataset.json`. Wherever they appear, `drawn` are scored answers from `scoring.drawn`,
`rows` the training rows with the questions, and `seed` the study's. An answer that was cut off is never chosen.
"""

import random
from itertools import product
from statistics import fmean
from typing import Any

from tunelab.config.specs.training import KtoRun, PairsSpec, SelectSpec
from tunelab.errors import UserError

LONGEST = 1.5  # with matched lengths, how many times as long as the other an answer of a pair may be


def select_answers(
    drawn: list[dict[str, Any]], rows: list[dict[str, Any]], spec: SelectSpec, run: str
) -> list[dict[str, Any]]:
    """Return a conversation for each answer that `spec` selects, in the order of drawing.

    Raises:
        UserError: if it selects none.
    """
    questions = {row["id"]: row for row in rows}
    taken: dict[str, list[dict]] = {}
    for answer in drawn:
        group = taken.setdefault(answer["id"], [])
        repeats = spec.distinct and any(answer["completion"] == other["completion"] for other in group)
        full = spec.per_question is not None and len(group) >= spec.per_question
        if _earns(answer, spec) and not answer["truncated"] and not repeats and not full:
            group.append(answer)
    chosen = [answer for group in taken.values() for answer in group]
    if not chosen:
        asked = "is right" if spec.min_reward is None else f"earned a reward of {spec.min_reward:g}"
        raise UserError(
            f"runs.{run}.select: none of the {len(drawn)} drawn answers {asked} and ends within its tokens, so there "
            "is nothing to learn from. Lower min_reward, draw more answers (samples), or draw from a better run."
        )
    return [
        {
            "id": f"{answer['id']}-s{answer['sample']}",
            "messages": [
                *questions[answer["id"]]["messages"][:-1],
                {"role": "assistant", "content": answer["completion"]},
            ],
            "answer": answer["answer"],
        }
        for answer in chosen
    ]


def label_answers(
    drawn: list[dict[str, Any]], rows: list[dict[str, Any]], spec: KtoRun, run: str, seed: int
) -> list[dict[str, Any]]:
    """Return all answers with labels: `id`, `messages` (up to the answer), `completion` (a turn) and `label`.

    In a control run with `labels: shuffled`, the seed deals the labels out anew.

    Raises:
        UserError: if the answers are all right, or all wrong.
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


def pair_answers(
    drawn: list[dict[str, Any]], rows: list[dict[str, Any]], spec: PairsSpec, run: str, seed: int
) -> list[dict[str, Any]]:
    """Return pairs of a right and a wrong answer: `id`, `messages` (up to the answer), `chosen` and `rejected` (turns).

    In a control run with `labels: shuffled`, the seed tosses a coin for each pair.

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


def describe_choice(chosen: list[dict[str, Any]], drawn: list[dict[str, Any]]) -> dict[str, Any]:
    """Describe the chosen rows (how many, of which questions, how long), to compare what runs learnt from.

    `mean_tokens` has one mean; for pairs two, of chosen and rejected answers; for labelled answers two, of right and
    wrong ones.
    """
    tokens = {(answer["id"], answer["sample"]): answer["tokens"] for answer in drawn}
    named = [row["id"].split("-s") for row in chosen]  # the question, and the numbers of the answers
    lengths = [[tokens[name, int(number)] for number in numbers] for name, *numbers in named]
    if "label" in chosen[0]:
        columns = [
            [length for row, (length,) in zip(chosen, lengths, strict=True) if row["label"] is label]
            for label in (True, False)
        ]
    else:
        columns = list(zip(*lengths, strict=True))
    return {
        "rows": len(chosen),
        "mean_tokens": [fmean(column) for column in columns],
        "questions": sorted({row["id"].partition("-s")[0] for row in chosen}),
        "drawn": len(drawn),
        "asked": len({row["id"] for row in drawn}),
    }


def _group(drawn: list[dict]) -> dict[str, list[dict]]:
    """Return the distinct answers to each question, without those that were cut off."""
    groups: dict[str, dict[str, dict]] = {}
    for answer in drawn:
        if not answer["truncated"]:
            groups.setdefault(answer["id"], {}).setdefault(answer["completion"], answer)
    return {name: list(answers.values()) for name, answers in groups.items()}


def _match(answers: list[dict], spec: PairsSpec) -> list[tuple[dict, dict]]:
    """Pair right and wrong answers, in the order of drawing or, with matched lengths, those of nearest length first."""
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


def _earns(answer: dict[str, Any], spec: SelectSpec) -> bool:
    return answer["right"] if spec.min_reward is None else answer["reward"] >= spec.min_reward
