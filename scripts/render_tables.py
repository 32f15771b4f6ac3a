"""Render the main table and the declared contrasts as LaTeX, to be put in a paper with \\input.

Reads   results        the study's folder, for its layout
        table          results.json
        templates      the catalog of the report's language; none of English
Writes  main_tex       the headline metrics of every run
        contrasts_tex  the differences with their tests and verdicts
"""

from pathlib import Path

from tunelab import records
from tunelab.comparison.results import Results
from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import latex
from tunelab.reporting.wordings import build_translator


def main(results: str, study: dict, table: Path, templates: list[Path], main_tex: Path, contrasts_tex: Path) -> None:
    selected, found = StudyFolder(results, study), Results.model_validate(records.read_json(table))
    texts = {path.name: path.read_text(encoding="utf-8") for path in templates}
    translate = build_translator(texts, selected.spec["study"]["language"])
    records.write_text(main_tex, latex.render_main_table(selected, found, translate))
    records.write_text(contrasts_tex, latex.render_contrast_table(selected, found, translate))


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
