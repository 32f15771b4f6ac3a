"""Compare the runs of a study: every metric with its interval, every difference with its tests, and what training cost.

Reads   results        the study's folder: everything measured per item, and each run's training.json
        published      known numbers for the models (YAML)
        overlap        which test rows stand in training data
        simulated      how often intervals over seeds held the truth in simulations
        simulated_looks  what looks found in simulations
Writes  table          results.json (tunelab.comparison.results says what is in it)
        main_csv       the headline metrics, one line per run, seed and task
        estimates_csv  every estimate
        contrasts_csv  every difference with its interval, p-values and verdict
        cost_csv       the cost of each training
        consumed_csv   what each run consumed, by itself and with what it began from
        and the study's ledger of looks, which outlives what Snakemake deletes
"""

from pathlib import Path

from tunelab import records
from tunelab.comparison import estimates
from tunelab.comparison.looks import list_entries
from tunelab.comparison.result_rows import Record
from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.jobs.looks import enter_looks, read_ledger
from tunelab.reporting import tables


def main(
    results: str,
    study: dict,
    published: Path,
    overlap: Path,
    simulated: Path,
    table: Path,
    main_csv: Path,
    estimates_csv: Path,
    contrasts_csv: Path,
    cost_csv: Path,
    consumed_csv: Path,
    simulated_looks: Path,
    partial: bool,
) -> None:
    selected = StudyFolder(results, study)
    trainings = tables.load_trainings(selected)
    known = estimates.load_known(published)
    shared, intervals, looks = (records.read_json(path) for path in (overlap, simulated, simulated_looks))
    found = estimates.build_results(selected, trainings, known, shared, intervals, looks, read_ledger(results))
    records.write_json(table, found.model_dump(mode="json"))
    tables.write_table(main_csv, tables.find_main_columns(selected, found), tables.build_main_table(selected, found))
    tables.write_table(estimates_csv, tables.ESTIMATES, map(dict, found.estimates))
    tables.write_table(contrasts_csv, tables.CONTRASTS, map(dict, found.contrasts))
    tables.write_table(cost_csv, tables.COSTS, tables.build_cost_table(selected, trainings))
    tables.write_table(consumed_csv, tables.CONSUMED, map(Record.model_dump, found.consumed))
    if not partial:
        enter_looks(results, list_entries(selected, found))


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
