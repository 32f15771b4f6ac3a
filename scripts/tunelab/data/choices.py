"""Which drawn answers a run learns from, as rows like those of `train_dataset.json`."""

from statistics import fmean
from typing import Any

from tunelab.config.specs.training import SelectSpec
from tunelab.errors import UserError


def select_answers(
    drawn: list[dict[str, Any]], rows: list[dict[str, Any]], spec: SelectSpec, run: str
) -> list[dict[str, Any]]:
    """Return a conversation for each drawn answer that `spec` takes, in the order of drawing.

    drawn: judged answers, as `judging.drawn` gives them; rows: the training rows whose questions they answer.

    Raises:
        UserError: if it takes none.
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


def _earns(answer: dict[str, Any], spec: SelectSpec) -> bool:
    return answer["right"] if spec.min_reward is None else answer["reward"] >= spec.min_reward


def describe_choice(chosen: list[dict[str, Any]], drawn: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how much was taken, of which questions and how long, to compare runs by what they learnt from.

    `mean_tokens` has one mean of what is learnt; for pairs, of what is chosen and of what is rejected; for labelled
    answers, of those labelled right and of those labelled wrong.
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
