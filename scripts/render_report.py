"""Render the report: one self-contained page that compares the runs of a study.

Reads   results     the study's folder: estimates, cards, token lengths, training records, answers, completions
        figures     the SVG files to show
        templates   the page's templates and its style sheet
        partial     what a partial report lacks, and why; None if it is complete
        makers      the rules, and what each reads and writes
Writes  report      the page (HTML)
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.report import render_report


def main(
    results: str,
    study: dict,
    figures: list[Path],
    templates: list[Path],
    partial: dict | None,
    makers: list[dict],
    report: Path,
) -> None:
    records.write_text(report, render_report(StudyFolder(results, study), figures, templates, partial, makers))


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
