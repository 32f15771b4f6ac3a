"""Snakemake's own command, but a job's script is not run: its outputs are a few bytes that depend only on their names.

A study that was made so is finished for Snakemake, with facts, records and benchmarks, in two seconds.
Jobs that the variable `FAILING` names, by rule and wildcards, fail with a sentence in their log.
"""

import os
from pathlib import Path
from typing import Any

import snakemake.workflow
from snakemake.benchmark import BenchmarkRecord
from snakemake.cli import main

FAILING = "TUNELAB_TEST_FAILING_JOBS"


def write_names(script: str, basedir: str, input: Any, output: Any, *others: Any) -> None:
    """Stand in for what Snakemake calls for a rule's `script:`."""
    _, wildcards, _, _, log, _, rule, *_ = others
    title = " ".join([rule, *map(str, wildcards)])
    if title in os.environ.get(FAILING, "").split("; "):
        Path(log[0]).write_text(f"Error: {title} has seen enough.\n")
        raise RuntimeError(title)
    for path in map(Path, output):
        folder = not path.suffix
        (path if folder else path.parent).mkdir(parents=True, exist_ok=True)
        (path / "file" if folder else path).write_text(path.name)
    for record in others:
        if isinstance(record, BenchmarkRecord):
            # otherwise measured on the job's process, of which there is none
            record.running_time, record.max_rss, record.data_collected = 1.0, 100.0, True


if __name__ == "__main__":
    snakemake.workflow.script = write_names
    main()
