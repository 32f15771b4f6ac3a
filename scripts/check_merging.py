"""See that PEFT can merge a run's adapter, before it is trained for a merged model that cannot be.

Reads   modules    what the fetched model is made of; the model lies beside it
Writes  mergeable  the type of the adapter
"""

from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(modules: Path, mergeable: Path, run: str, adapter: dict[str, Any]) -> None:
    from tunelab.models.merging import check_mergeable

    check_mergeable(modules.parent / "model", run, adapter)
    records.write_json(mergeable, {"peft_type": adapter["peft_type"]})


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
