"""Pack what shows and proves the study into one zip, an RO-Crate: page, numbers, tables, figures, answers, provenance.

Reads   results  the study's folder: the cards of its jobs, test rows, answers and scores
        files    the artefacts to pack
        project  files of the workflow: the locked packages, the Snakefile and its rules, the licence
Writes  bundle   the zip; it holds no weights and no training rows
"""

from pathlib import Path

from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.records import whole_file
from tunelab.reporting import bundle as bundling


def main(results: str, study: dict, files: list[Path], project: list[Path], bundle: Path) -> None:
    packed = bundling.pack_bundle(StudyFolder(results, study), files, project)
    with whole_file(bundle, "wb") as file:
        file.write(packed)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
