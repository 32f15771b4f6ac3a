"""Draw several answers to each training question from what a run published, and score them.

Reads   card        the fetched base model's card; the model lies beside it
        precision   in which the study computes
        template    the study's chat template for the model
        questions   training rows
        weights     what the run published; none for the untouched model
        checkpoints what a killed attempt at the same work left behind, to go on from
Writes  drawn       every answer with its reward parts (Parquet)
        summary     how much of it can be learnt from, and what the drawing cost
"""

from pathlib import Path

import pandas

from tunelab import records
from tunelab.config.specs.samples import SamplesSpec
from tunelab.jobs.job import run_as_job
from tunelab.scoring.drawn import score_draws, summarise_draws


def main(
    card: Path,
    precision: Path,
    template: Path,
    questions: Path,
    weights: list[Path],
    drawn: Path,
    summary: Path,
    checkpoints: Path,
    samples: str,
    seed: str,
    spec: SamplesSpec,
) -> None:
    from tunelab.evaluation.training_samples import draw_answers
    from tunelab.models.run_model import read_run_model

    run_model = read_run_model(card, weights, precision, template)
    rows = records.read_jsonl(questions)[: None if spec.rows == "train" else spec.rows]
    answers, facts = draw_answers(run_model, rows, spec, int(seed), checkpoints)
    scored = score_draws(answers, rows, spec.rewards)
    found = summarise_draws(scored, samples)
    with records.whole_file(drawn, "wb") as file:
        # a part that never applies is a column of numbers too
        table = pandas.DataFrame(scored).astype(dict.fromkeys(["reward", *spec.rewards.weights], float))
        table.to_parquet(file, index=False)
    records.write_json(summary, facts | found)


if __name__ == "__main__":
    run_as_job(main, snakemake, keep=True)  # noqa: F821  (Snakemake provides it)
