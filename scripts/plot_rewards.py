"""Draw rewards and training health of the runs that learn from rewards.

Reads   results     the study's folder: each run's history of rewards, lengths, KL and entropy
        wording     the catalog of the study's language; nothing for English
Writes  figure      an SVG file
        pdf         the same for a paper
"""

from pathlib import Path

from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import figures, training_figures, wordings


def main(results: str, study: dict, wording: list[Path], figure: Path, pdf: Path) -> None:
    drawn = training_figures.draw_rewards(StudyFolder(results, study), wordings.load_words(wording))
    figures.write_figure(drawn, figure, pdf)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
