"""Publish a training's weights at one point of its way as a run publishes its own.

Reads   summary     what the training cost; the weights along its way lie in the folder `points` beside it
Writes  weights     the adapter or model at the point, in a folder that loads without this project
        config      its adapter_config.json or config.json
        learnt_template   the chat template that it was trained with
"""

from pathlib import Path

from tunelab.errors import UserError
from tunelab.files import link_tree
from tunelab.jobs.job import run_as_job


def main(summary: Path, weights: Path, point: int) -> None:
    source = summary.with_name("points") / str(point) / weights.parent.name
    if not (source / weights.name).exists():
        raise UserError(f"{source} is missing; delete {summary}, so that the run is trained again.")
    link_tree(source, weights.parent)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
