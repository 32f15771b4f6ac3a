"""Judge the several answers that were drawn to each question of a maths task."""

from collections import Counter

from tunelab.errors import UserError
from tunelab.judging.scoring import judge_maths


def build_sample_scores(samples: list[dict], references: list[dict], count: int, task: str) -> list[dict]:
    """Build one verdict per answer, numbered by `sample`, in the references' order.

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
    return [{"id": key[0], "sample": key[1]} | judge_maths(drawn[key], gold[key[0]]) for key in wanted]
