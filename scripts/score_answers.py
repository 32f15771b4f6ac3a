"""Score one run's answers to one task against the references.

Reads   answers     one completion per held-out row (JSON Lines)
        references  the held-out rows, same ids; `first` of them, or all
Writes  scores      one verdict per row, kept so that runs can be compared in pairs
        metrics     the means, with the number of rows behind each
"""

from pathlib import Path

from tunelab import records
from tunelab.config.specs.evaluation import TaskSpec
from tunelab.jobs.job import run_as_job
from tunelab.scoring import scorers


def main(
    answers: Path,
    references: Path,
    scores: Path,
    metrics: Path,
    spec: TaskSpec,
    run: str,
    seed: str,
    task: str,
    first: int | None = None,
    functions: dict[str, dict[str, str]] | None = None,
) -> None:
    rows = records.read_jsonl(references)[:first]
    verdicts = scorers.build_scores(records.read_jsonl(answers), rows, spec.kind, task, functions)
    card = {"run": run, "seed": int(seed), "task": task, "kind": spec.kind, "n": len(verdicts)}
    records.write_jsonl(scores, verdicts)
    records.write_json(metrics, card | {"metrics": scorers.build_metrics(verdicts)})


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
