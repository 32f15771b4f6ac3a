"""List what a fetched model is made of, and refuse runs that ask for what it has not got, before anything is trained.

Reads   card     the fetched model's card; the model lies beside it
Writes  modules  its modules by name, layers, vocabulary and window of attention
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(card: Path, modules: Path, runs: dict) -> None:
    from tunelab.models import inspection

    parts = inspection.list_parts(inspection.build_empty(card.parent / "model"))
    inspection.check_runs(card.parent / "model", runs, parts)
    records.write_json(modules, parts | {"source": records.read_json(card)["source"]})


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
