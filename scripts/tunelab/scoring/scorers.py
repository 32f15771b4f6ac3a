"""Score answers against their references, one record of scores for each held-out row, and average them.

Maths is scored in three ways, because a wrong number and a wrong format are different failures: `strict` (the format
and the tagged number are right), `tagged` (the last `<answer>` block holds the right number), `flexible` (the last
number of the text is the right one). The rewards are GRPO's own `fixed` functions, unweighted, so that
rewards in training and here mean the same. Text is scored by ROUGE-L and chrF against the one reference, which measure
likeness and not truth. A thought before an answer or a reference is left out.
"""

from collections import Counter
from collections.abc import Callable
from math import fsum

from tunelab.data.thoughts import split_thought
from tunelab.errors import UserError
from tunelab.numbers import find_last_number, is_equal_number
from tunelab.scoring.own_functions import build_scorer, describe_row
from tunelab.scoring.rewards import REWARDS, find_tagged_answer
from tunelab.words import compose, split_words


def build_sample_scores(samples: list[dict], references: list[dict], count: int, task: str) -> list[dict]:
    """Score the answers that were drawn to each question of a maths task, in the references' order.

    Raises:
        UserError: unless each reference has exactly `count` answers.
    """
    drawn = {(sample["id"], sample["sample"]): sample for sample in samples}
    wanted = [(reference["id"], number) for reference in references for number in range(count)]
    if Counter((sample["id"], sample["sample"]) for sample in samples) != Counter(wanted):
        raise UserError(
            f"task {task}: samples.jsonl and test_dataset.json do not belong together: {len(samples)} answers, where "
            f"{len(references)} test rows ask for {count} each. Delete samples.jsonl and run again."
        )
    gold = {reference["id"]: reference for reference in references}
    return [{"id": key[0], "sample": key[1]} | score_maths(drawn[key], gold[key[0]]) for key in wanted]


def build_scores(
    answers: list[dict],
    references: list[dict],
    kind: str,
    task: str,
    functions: dict[str, dict[str, str]] | None = None,
) -> list[dict]:
    """Build one record of scores for each reference, in their order; `kind` is "maths" or "text".

    Args:
        functions: the user's own `rewards` (maths only) and `metrics`, name → file.
    """
    pairs = match_answers(answers, references, task)
    verdicts = _score_pairs(pairs, kind, task)
    for name, file in (functions or {}).get("rewards", {}).items():
        for verdict, value in zip(verdicts, _score_by(name, file, pairs, may_skip=True), strict=True):
            verdict["rewards"][name] = value
    for name, file in (functions or {}).get("metrics", {}).items():
        for verdict, value in zip(verdicts, _score_by(name, file, pairs, may_skip=False), strict=True):
            verdict[name] = value
    return verdicts


def _score_by(name: str, file: str, pairs: list[tuple[dict, dict]], may_skip: bool) -> list[float | None]:
    """Score all answers by a function of the user's, which is given the same as in training."""
    return build_scorer(name, file, may_skip)(
        prompts=[reference["messages"][:-1] for _, reference in pairs],
        completions=[[{"role": "assistant", "content": answer["completion"]}] for answer, _ in pairs],
        row=[describe_row(reference) for _, reference in pairs],
    )


def _score_pairs(pairs: list[tuple[dict, dict]], kind: str, task: str) -> list[dict]:
    if kind == "maths":
        for _, reference in pairs:
            if "answer" not in reference:
                raise UserError(
                    f"tasks.{task}.kind: maths needs a gold number, and the row {reference['id']} of the test data has "
                    f"none. Prepare the data set with `format: gsm8k` or `maths`, or set kind to text."
                )
        return [score_maths(answer, reference) for answer, reference in pairs]
    score_text = build_text_scorer()
    return [score_text(answer, reference) for answer, reference in pairs]


def match_answers(answers: list[dict], references: list[dict], task: str) -> list[tuple[dict, dict]]:
    """Pair answers and references by id; raises UserError unless each reference has exactly one answer."""
    counts = Counter(answer["id"] for answer in answers)
    wanted = [reference["id"] for reference in references]
    problems = {
        "missing": [identifier for identifier in wanted if counts[identifier] == 0],
        "answered more than once": [identifier for identifier, count in counts.items() if count > 1],
        "not in the test data": sorted(set(counts) - set(wanted)),
    }
    found = [f"{len(ids)} {problem} (first: {ids[0]})" for problem, ids in problems.items() if ids]
    if found:
        raise UserError(
            f"task {task}: answers.jsonl and test_dataset.json do not belong together: of {len(wanted)} test rows "
            f"and {len(answers)} answers, {', '.join(found)}. Delete answers.jsonl and run again."
        )
    by_id = {answer["id"]: answer for answer in answers}
    return [(by_id[identifier], reference) for identifier, reference in zip(wanted, references, strict=True)]


def score_maths(answer: dict, reference: dict) -> dict:
    """Score one completion against the right number."""
    completion, gold = split_thought(answer["completion"]).answer, reference["answer"]
    tagged, last = find_tagged_answer(completion), find_last_number(completion)
    rewards = {name: reward(completion, gold) for name, reward in REWARDS["fixed"].items()}
    is_tagged_right = is_equal_number(tagged, gold)
    return {
        "id": answer["id"],
        "strict": rewards["strict_format"] > 0 and is_tagged_right,
        "tagged": is_tagged_right,
        "flexible": is_equal_number(last, gold),
        "strict_format": rewards["strict_format"] > 0,
        "soft_format": rewards["soft_format"] > 0,
        "no_answer": tagged is None,
        "truncated": answer["finish"] == "length",
        "tokens": answer["tokens"],
        "extracted": {"tagged": tagged, "flexible": last},
        "answer": gold,
        "rewards": rewards,
    }


def build_text_scorer() -> Callable[[dict, dict], dict]:
    """Build the function that scores one completion against a reference text.

    ROUGE-L is over words, and over characters where a text is Chinese; its usual tokenizer sees no Chinese at all.
    Both texts are composed first, so that `é` as one character is like `é` as two.
    """
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu import sentence_chrf

    scorer = RougeScorer(["rougeL"], tokenizer=_WordTokenizer())

    def score_text(answer: dict, reference: dict) -> dict:
        completion, wanted = _read(answer["completion"]), _read(reference["messages"][-1]["content"])
        return {
            "id": answer["id"],
            "rouge_l": scorer.score(wanted, completion)["rougeL"].fmeasure,
            "chrf": sentence_chrf(completion, [wanted]).score,
            "length_ratio": len(completion) / len(wanted),
            "truncated": answer["finish"] == "length",
            "tokens": answer["tokens"],
        }

    return score_text


def build_metrics(scores: list[dict]) -> dict[str, dict]:
    """Average every boolean and number of the verdicts, rewards as `reward` (their sum) and `reward/<name>`.

    A reward of the user's own is averaged over the rows to which it applies.
    """
    rows = [_flatten_score(score) for score in scores]
    columns = {name: [row[name] for row in rows if row[name] is not None] for name in rows[0]}
    return {name: {"value": fsum(column) / len(column), "n": len(column)} for name, column in columns.items() if column}


def _flatten_score(score: dict) -> dict[str, float | None]:
    """Return a verdict's numbers under the names of the metrics."""
    numbers = {name: value for name, value in score.items() if isinstance(value, (bool, int, float))}
    if "rewards" in score:
        numbers["reward"] = fsum(value for value in score["rewards"].values() if value is not None)
        numbers |= {f"reward/{name}": value for name, value in score["rewards"].items()}
    return numbers


def _read(text: str) -> str:
    return compose(split_thought(text).answer).rstrip()


class _WordTokenizer:
    """The form in which rouge_score takes a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return split_words(text)
