"""Score the answers that were drawn to training questions, and count what there is to learn from."""

from collections import Counter
from statistics import fmean
from typing import Any

from tunelab.config.specs.training import Rewards
from tunelab.errors import UserError
from tunelab.scoring.own_functions import describe_row
from tunelab.scoring.rewards import add_rewards, build_reward_functions, is_right


def score_draws(answers: list[dict], rows: list[dict], spec: Rewards) -> list[dict[str, Any]]:
    """Return a record for each answer: question, right answer, every reward, their weighted sum, and `right`.

    A reward is None where a function of the user's does not apply, and so is the sum if none applies.
    """
    functions, weights = build_reward_functions(spec)
    asked = {row["id"]: row for row in rows}
    turns = [[{"role": "assistant", "content": answer["completion"]}] for answer in answers]
    gold = [asked[answer["id"]]["answer"] for answer in answers]
    prompts = [asked[answer["id"]]["messages"][:-1] for answer in answers]
    told = [describe_row(asked[answer["id"]]) for answer in answers]
    given = {"prompts": prompts, "completions": turns, "answer": gold, "row": told}
    parts = {function.__name__: function(**given) for function in functions}
    return [
        {
            "id": answer["id"],
            "sample": answer["sample"],
            "prompt": prompts[index][-1]["content"],
            "answer": gold[index],
            "completion": answer["completion"],
            "tokens": answer["tokens"],
            "truncated": answer["finish"] == "length",
            "right": is_right(answer["completion"], gold[index], spec.set),
            "reward": add_rewards([values[index] for values in parts.values()], weights),
            **{name: values[index] for name, values in parts.items()},
        }
        for index, answer in enumerate(answers)
    ]


def summarise_draws(scored: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Count the right answers and those to learn from; `mean_tokens` are None where there is nothing to average.

    Raises:
        UserError: if no answer scores higher than another one to the same question.
    """
    by_question: dict[str, list[dict]] = {}
    for row in scored:
        by_question.setdefault(row["id"], []).append(row)
    rights = [sum(row["right"] for row in group) for group in by_question.values()]
    if not any(rights) and all(len({row["reward"] for row in group}) == 1 for group in by_question.values()):
        raise UserError(
            f"samples.{name}: of {len(scored)} answers to {len(by_question)} questions none is right, and no question "
            "has one that earned more than another, so there is nothing to learn from. Draw from a run that has learnt "
            "the answer's form, draw more answers, or raise max_new_tokens."
        )
    sizes = [len(group) for group in by_question.values()]
    groups = Counter(
        "none" if right == 0 else "all" if right == size else "some" for right, size in zip(rights, sizes, strict=True)
    )
    return {
        "questions": len(by_question),
        "answers": len(scored),
        "right": sum(rights),
        "questions_by_right": {kind: groups[kind] for kind in ("none", "some", "all")},
        "distinct_right": sum(
            len({row["completion"] for row in group if row["right"]}) for group in by_question.values()
        ),
        "truncated": sum(row["truncated"] for row in scored),
        "mean_tokens": {
            kind: _average([row["tokens"] for row in scored if row["right"] is wanted])
            for kind, wanted in (("right", True), ("wrong", False))
        },
    }


def _average(numbers: list[int]) -> float | None:
    return fmean(numbers) if numbers else None
