"""Choose, among drawn answers, the rows that a run learns from.

Reads   drawn       judged answers to training questions (Parquet)
        questions   the training rows that they answer
Writes  train       rows to learn from, in the form of a data set's train_dataset.json
        choice      how many rows these are, and of which questions
"""

from pathlib import Path

import pandas

from tunelab import records
from tunelab.data.choices import describe_choice, label_answers, pair_answers, select_answers
from tunelab.jobs.job import run_as_job


def main(drawn: Path, questions: Path, train: Path, choice: Path, run: str, seed: str, spec) -> None:
    answers, rows = pandas.read_parquet(drawn).to_dict("records"), records.read_jsonl(questions)
    if hasattr(spec, "pairs"):  # a run has the field of what it learns of drawn answers (`CHOICE`)
        chosen = pair_answers(answers, rows, spec.pairs, run, int(seed))
    elif hasattr(spec, "labels"):
        chosen = label_answers(answers, rows, spec, run, int(seed))
    else:
        chosen = select_answers(answers, rows, spec.select, run)
    records.write_jsonl(train, chosen)
    records.write_json(choice, describe_choice(chosen, answers))


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
