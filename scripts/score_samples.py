"""Score the answers that were drawn from one run to a task's first held-out questions.

Reads   samples         several answers per question, numbered (JSON Lines)
        references      the held-out rows, same ids; `first` of them, or all
Writes  sample_scores   one verdict per answer, with its number
"""

from pathlib import Path

from tunelab import records
from tunelab.config.specs.evaluation import SamplingSpec
from tunelab.jobs.job import run_as_job
from tunelab.scoring import scorers


def main(
    samples: Path, references: Path, sample_scores: Path, spec: SamplingSpec, task: str, first: int | None
) -> None:
    rows = records.read_jsonl(references)[:first]
    records.write_jsonl(
        sample_scores, scorers.build_sample_scores(records.read_jsonl(samples), rows, spec.samples, task)
    )


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
