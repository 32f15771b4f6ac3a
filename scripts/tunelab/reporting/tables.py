"""Define the tables of a study, one list of columns each, from which CSV files, page and LaTeX are drawn.

A new column is a new entry of such a list. An entry names a style, and the code that writes the style is elsewhere, so
that the comparison, which writes the CSV files, is not made again when page or paper write it in another way.
"""

import csv
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from tunelab.comparison.consumed import sum_seconds
from tunelab.comparison.metrics import list_headlines, list_used
from tunelab.comparison.results import Estimate, Results
from tunelab.config.metrics import FIRST
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.records import whole_file

_ = str  # marks a heading for the catalog; it is translated where it is shown

CSV, PAGE, LATEX = "csv", "page", "latex"
PEOPLE = (PAGE, LATEX)
WORDED = ("run", "pair", "task", "metric_name", "place", "remarks", "verdict", "words")  # styles that write no number


class Column(NamedTuple):
    """One column: its heading, where its value is found, how it is written for people, and where it is shown.

    A style is a filter of `notation`, or one that the page's macro `ui.written` and `latex.write_cell` know.
    """

    key: str  # its name in the CSV file and, without `find`, the key of its value in a row
    heading: str = ""
    style: str = ""  # empty: the value as it is
    shown: tuple[str, ...] = (CSV, *PEOPLE)
    find: Callable[[dict], Any] | None = None
    below: Self | None = None  # on the page, a second line in each cell

    def read(self, row: dict) -> Any:
        """Return the column's value in a row."""
        return self.find(row) if self.find else row[self.key]

    @property
    def is_number(self) -> bool:
        """Whether its cells are numbers, which stand on the right and can be sorted."""
        return self.style not in WORDED


def list_columns(columns: Iterable[Column], place: str, without: Iterable[str] = ()) -> list[Column]:
    """List the columns that a place shows (csv, page or latex), without those of some keys."""
    return [column for column in columns if place in column.shown and column.key not in without]


def _only_csv(*keys: str) -> list[Column]:
    return [Column(key, shown=(CSV,)) for key in keys]


COSTS = (
    Column("run", _("Run"), "run", (CSV, PAGE)),  # LaTeX begins each row with it
    Column("seed", _("Seed")),
    Column(
        "time",
        _("Training time"),
        "seconds",
        PEOPLE,
        find=lambda row: row["train_seconds"],
        below=Column("chain_train_seconds", _("with its start"), "chain"),
    ),
    Column("steps", _("Steps"), "count"),
    *_only_csv("epochs"),
    Column("tokens", _("Tokens"), "count", below=Column("tokens_per_second", _("per second"), "count")),
    *_only_csv("train_seconds", "tokens_per_second"),
    Column("peak_memory_bytes", _("Peak memory"), "bytes"),
    Column("trainable_parameters", _("Trained parameters"), "amount", below=Column("total_parameters", style="share")),
    *_only_csv("saved_parameters", "total_parameters"),
    Column("artefact_bytes", _("On disk"), "bytes", below=Column("saved_parameters", _("saved parameters"), "amount")),
    *_only_csv("device", "dtype", "chain_train_seconds"),
)


def _consumed(axis: str, heading: str, style: str) -> list[Column]:
    """List the columns of an axis: what a run consumed itself, and below it what it would have consumed alone."""
    alone = Column(f"alone_{axis}", _("if alone"), style, find=lambda row: row["alone"] and row["alone"][axis])
    return [
        Column(axis, heading, style, find=lambda row: row["own"][axis], below=alone._replace(style=f"alone_{style}")),
        alone._replace(shown=(CSV,)),
    ]


def _part(name: str) -> Column:
    return Column(f"flops_{name}", shown=(CSV,), find=lambda row: row["parts"].get(name, 0))


CONSUMED = (
    Column("run", _("Run"), "run", (CSV, PAGE)),
    *_only_csv("seed", "seeds"),
    *_consumed("flops", _("Operations"), "operations"),
    *map(_part, ("training", "drawing", "reference", "teacher", "validation")),
    *_consumed("tokens", _("Tokens through a model"), "count"),
    *_consumed("completions", _("Answers drawn"), "count"),
    *_consumed("seconds", _("Time"), "seconds"),
    Column("budget_share", shown=(CSV,)),
    Column("utilisation", _("Of the measured rate"), "utilised"),
)
CONTRASTS = (
    Column("pair", _("Runs"), "pair", (PAGE,), find=lambda row: (row["run"], row["against"])),
    Column("place", _("Task and metric"), "place", (PAGE,), find=lambda row: row["task"]),
    *_only_csv("value", "low", "high", "n", "interval", "confidence", "look", "run"),
    Column("against", _("against"), "run", (CSV, LATEX)),
    *_only_csv("seeds"),
    Column("task", _("Task"), "task", (CSV, LATEX)),
    Column("metric", _("Metric"), "metric_name", (CSV, LATEX)),
    Column("difference", _("Difference"), "difference", PEOPLE, find=lambda row: row["value"]),
    Column("remarks", _("Verdict"), "remarks", (PAGE,), find=lambda row: row["verdict"]),
    *_only_csv("declared", "primary", "wins", "losses"),
    Column(
        "balance",
        _("Wins / losses"),
        "balance",
        PEOPLE,
        find=lambda row: None if row["wins"] is None else row["wins"] - row["losses"],
    ),
    Column("p", _("p"), "p", (CSV, LATEX)),
    Column("p_corrected", _("p, corrected"), "p", below=Column("p", style="alone")),
    Column("p_equivalence", _("p of equivalence"), "p", below=Column("margin", style="within")),
    *_only_csv("margin"),
    Column("smallest_detectable", _("Smallest detectable"), "size", (CSV, PAGE)),
    *_only_csv("noise"),
    Column("verdict", _("Verdict"), "verdict", (CSV, LATEX)),
)
TUNED = (
    Column("run", _("Run"), "run", (PAGE,)),
    Column("metric", _("Metric"), "metric_name", PEOPLE),
    Column(
        "trials",
        _("Trials"),
        "count",
        PEOPLE,
        find=lambda row: len(row["trials"]),
        below=Column("failed", style="failed"),
    ),
    Column("told", _("Chosen"), "words", PEOPLE, below=Column("own_told", style="own")),
    Column("gained", _("Chosen − own"), "gained", PEOPLE, find=lambda row: row["gained"] and row["gained"]["value"]),
    Column("value", _("On validation rows"), "metric", PEOPLE, below=Column("n", style="rows")),
    Column("test", _("On test rows"), "test", PEOPLE, find=lambda row: row["test"] and row["test"]["value"]),
    Column("drop", _("Drop"), "drop", PEOPLE),
    Column("floor", _("By chance"), "size", PEOPLE),
    Column("train_seconds", _("Time of the search"), "seconds", PEOPLE),
)
ESTIMATES = tuple(_only_csv("run", "seed", "seeds", "task", "metric", "value", "low", "high", "n", "interval"))
MAIN = (
    Column("run", _("Run"), "run", (CSV, PAGE)),
    Column("seed", _("Seed"), shown=(CSV, PAGE)),
    *_only_csv("task", "n"),
)  # and those of the metrics


def list_main_columns(metrics: Iterable[str]) -> list[Column]:
    """List the columns of a table of estimates: people read one for each metric, CSV has its value and both ends."""
    ends = {"": "value", "_low": "low", "_high": "high"}
    columns = list(MAIN)
    for metric in metrics:
        columns.append(Column(metric, style="estimate", shown=PEOPLE))
        columns += [
            Column(f"{metric}{name}", shown=(CSV,), find=partial(_find_end, metric, end)) for name, end in ends.items()
        ]
    return columns


def _find_end(metric: str, end: str, row: dict) -> float | None:
    return row[metric][end] if metric in row else None


def list_main_metrics(study: Study, results: Results) -> list[str]:
    """List the metrics of the main table: headlines of every kind of task, rankings if any, the user's own metrics."""
    kinds = dict.fromkeys(("maths", "text", *(study.task(task)["kind"] for task in study.tasks)))
    named = [
        metric for kind in kinds for metric in list_used("headline", kind, kind == "text" and bool(results.paired))
    ]
    return list(dict.fromkeys([*named, *study.own_metrics]))


def find_main_columns(study: Study, results: Results) -> list[Column]:
    """Return the columns of the main table, with those of all headline metrics of a study."""
    return list_main_columns(list_main_metrics(study, results))


def build_main_row(
    study: Study, find: dict[tuple, dict], run: str, seed: int | None, task: str, metrics: Iterable[str]
) -> dict:
    """Lay out the estimates of a run and seed on a task; `find` has all by (run, seed, task, metric).

    Seed None is the mean over the seeds of a run that has several.
    """
    n = find[run, seed, task, FIRST[study.task(task)["kind"]]]["n"]
    return {"run": run, "seed": seed, "task": task, "n": n, **{name: find[run, seed, task, name] for name in metrics}}


def build_main_table(study: Study, results: Results) -> list[dict]:
    """Lay out the headline metrics, one row per run, seed and task; a metric of another kind of task stays empty.

    A run with several seeds has one more row without seed, for the mean over them.
    """
    find = find_estimates(results)
    return [
        build_main_row(study, find, run, seed, task, list_headlines(study.task(task), task in results.paired))
        for run in study.runs
        for seed in dict.fromkeys([*study.list_seeds(run), find_summary_seed(study, run)])
        for task in study.tasks
    ]


def find_estimates(results: Results) -> dict[tuple[str, int | None, str, str], dict]:
    """Find every estimate by run, seed, task and metric."""
    return {(row.run, row.seed, row.task, row.metric): row.model_dump() for row in results.estimates}


def find_summary_seed(study: Study, run: str) -> int | None:
    """Return the seed of the estimates that stand for a run: its only one, or None for the mean over several."""
    seeds = study.list_seeds(run)
    return seeds[0] if len(seeds) == 1 else None


def is_summary(study: Study, row: Estimate) -> bool:
    """Tell whether an estimate is the one that stands for its run."""
    return row.seed == find_summary_seed(study, row.run)


def build_cost_table(study: StudyFolder, trainings: dict[tuple[str, int], dict]) -> list[dict]:
    """Look up what each training cost; `chain_train_seconds` adds that of the runs it started from."""
    return [
        training | {"run": run, "seed": seed, "chain_train_seconds": sum_seconds(study, trainings, run, seed)}
        for (run, seed), training in trainings.items()
    ]


def list_summaries(consumed: list[dict]) -> list[dict]:
    """List the rows of what each run consumed that stand for their runs: of several seeds, the mean."""
    of_several = {row["run"] for row in consumed if row["seed"] is None}
    return [row for row in consumed if row["seed"] is None or row["run"] not in of_several]


def load_trainings(study: StudyFolder) -> dict[tuple[str, int], dict]:
    """Load training.json of every trained run and seed."""
    return {pair: study.load(study.run_file(*pair, "training.json")) for pair in study.list_arms(study.list_trained())}


def write_table(path: Path, columns: Iterable[Column], rows: Iterable[dict]) -> None:
    """Write what a CSV file shows of the columns; a value that does not apply is an empty cell."""
    shown = list_columns(columns, CSV)
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(column.key for column in shown)
        writer.writerows([column.read(row) for column in shown] for row in rows)
