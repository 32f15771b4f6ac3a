"""Compare the runs of a study: every metric of every run, seed and task with its interval, and what training cost.

Reads   results     the study's folder: scores and losses per item, and each run's training.json
Writes  table       every estimate (JSON): run, seed, task, metric, value, low, high, n, interval
        main_csv    the headline metrics, one line per run, seed and task
        cost_csv    the cost of each training
"""

from pathlib import Path

from tunelab import comparison, records
from tunelab.job import run_as_job
from tunelab.study import Study


def main(results: str, study: dict, table: Path, main_csv: Path, cost_csv: Path) -> None:
    selected = Study(results, study)
    rows = comparison.build_rows(selected)
    records.write_json(table, rows)
    comparison.write_table(main_csv, comparison.build_main_table(selected, rows), comparison.MAIN_COLUMNS)
    comparison.write_table(cost_csv, comparison.build_cost_table(selected), comparison.COST_COLUMNS)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
