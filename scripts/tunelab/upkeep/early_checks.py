"""Check the user's local files before anything runs, so that a dry run reports what the first jobs would refuse.

The checks take tenths of a second: they read data files up to a size, else only look for them, and the cards of what
was fetched. What needs the network, torch or a tokenizer is left to the jobs.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.config.complete import Config
from tunelab.config.models import is_file
from tunelab.config.specs.data import DatasetSpec, PrepareSpec
from tunelab.config.specs.sources import LocalDataset
from tunelab.data.formats import build_examples, map_columns
from tunelab.data.splits import draw_splits
from tunelab.errors import UserError
from tunelab.layout import Layout
from tunelab.sources.folders import render_origin
from tunelab.sources.local_model import check_folder
from tunelab.sources.packing import list_shards
from tunelab.sources.readers import Placed, find_reader, read_rows
from tunelab.values import shorten

MOST_BYTES = 2_000_000  # of a data set's files that are read here, in a quarter of a second


def check_inputs(config: Config, runs: Iterable[str], gpus: int) -> None:
    """Check the models, data sets and texts that runs and tasks of the study need.

    runs: the study's runs, and those they start from or learn from; gpus: how many GPUs a heavy job has.

    Raises:
        UserError: with a line per problem.
    """
    problems = [problem for check in _list_checks(config, list(runs), gpus) if (problem := _run(*check))]
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))


def _run(check: Callable[..., None], *arguments: Any) -> str | None:
    try:
        check(*arguments)
    except UserError as error:
        return str(error)
    return None


def _list_checks(config: Config, names: list[str], gpus: int) -> Iterator[tuple]:
    runs = {name: config.runs[name] for name in names}
    drawn = {config.samples[run.samples].dataset for run in runs.values() if getattr(run, "samples", None)}
    learnt = {run.dataset for run in runs.values() if getattr(run, "dataset", None)}
    asked = {config.tasks[task].dataset for task in config.study.tasks}
    teachers = {config.find_teacher(name)[1] for name, run in runs.items() if getattr(run, "teacher", None)}
    for name in sorted({run.model for run in runs.values()} | teachers):
        yield _check_model, config.models[name], f"models.{name}"
    for name in sorted(drawn | learnt | asked):
        yield _check_dataset, name, config.datasets[name], Path(config.study.results)
    for file in config.drift.texts if config.drift else ():
        yield _check_text, Path(file)
    if not gpus:
        yield from _list_precision_checks(config, runs)


def _list_precision_checks(config: Config, runs: dict[str, Any]) -> Iterator[tuple]:
    """List the checks of precisions that were not decided or trained with yet; both may come from another machine."""
    layout = Layout(config.study.results)
    if not all(layout.model_file(run.model, "precision.json").is_file() for run in runs.values()):
        yield _check_precision, "study.precision", config.study.precision
    for name, run in runs.items():
        trained = [layout.run_file(name, seed, "training.json") for seed in config.list_seeds(name)]
        if getattr(run, "precision", None) and not all(file.is_file() for file in trained):
            yield _check_precision, f"runs.{name}.precision", run.precision


def _check_model(spec: Any, key: str) -> None:
    if spec.source == "local":
        check_folder(spec, key)
    if spec.chat_template and is_file(spec.chat_template) and not Path(spec.chat_template).is_file():
        raise UserError(
            f"{key}.chat_template: there is no file {shorten(spec.chat_template)}; name one, or a bundled one."
        )


def _check_text(file: Path) -> None:
    if not file.is_file():
        raise UserError(f"drift.texts: {file} is not there; name a text file.")


def _check_precision(key: str, precision: str | None) -> None:
    if precision == "float16":
        raise UserError(
            f"{key}: float16 is asked for, and no GPU is used here, where it is hundreds of times slower than float32; "
            "take float32 or bfloat16."
        )


def _check_dataset(name: str, spec: DatasetSpec, results: Path) -> None:
    if isinstance(spec.fetch, LocalDataset):
        _check_files(name, spec)
    elif (card := _read_card(results / "datasets" / name / "card.json", spec)) is not None:
        map_columns(spec.prepare, card["columns"], name, render_origin(card, "train"))
        divided = card["rows"]["test"] is None and spec.prepare.held_out
        _check_sizes(name, spec.prepare, card["rows"]["train"], ("validation", "test") if divided else ("validation",))


def _read_card(file: Path, spec: DatasetSpec) -> dict[str, Any] | None:
    """Return the card of what was fetched; None if nothing was, or from another source than the config's."""
    try:
        card = records.read_json(file)
    except (OSError, ValueError):
        return None
    return card if card["source"] == spec.fetch.model_dump(mode="json") else None


def _check_files(name: str, spec: DatasetSpec) -> None:
    """Read files of rows as `fetch_dataset` does, and split them as `prepare_dataset` does."""
    splits: dict[str, list[Path]] = {}
    for split, field, files in (("train", "files", spec.fetch.files), ("test", "test_files", spec.fetch.test_files)):
        key = f"datasets.{name}.fetch.{field}"
        shards = [shard for file in map(Path, files) for shard in _list_files(file, key)]
        for shard in shards:
            find_reader(shard, key, str(shard))
        splits |= {split: shards} if shards else {}
    if sum(shard.stat().st_size for shards in splits.values() for shard in shards) > MOST_BYTES:
        return
    card = {"dataset": name, "source": spec.fetch.model_dump(mode="json")}
    examples = {}
    for split, shards in splits.items():
        placed = [read_rows(shard, f"datasets.{name}.fetch") for shard in shards]
        names = list(dict.fromkeys(column for rows in placed for _, row in rows for column in row))
        columns = map_columns(spec.prepare, names, name, render_origin(card, split))
        examples[split] = [
            example
            for rows in placed
            for example in build_examples(_fill(rows, names), spec.prepare, columns, rows[0][0].file)
        ]
    draw_splits(examples["train"], examples.get("test"), spec.prepare, name)


def _list_files(file: Path, key: str) -> list[Path]:
    return list_shards(file, key, str(file)) if file.is_dir() else [file]


def _fill(rows: list[Placed], names: list[str]) -> list[dict[str, Any]]:
    """Return rows in which every column is present, as in a table."""
    return [dict.fromkeys(names) | row for _, row in rows]


def _check_sizes(name: str, spec: PrepareSpec, rows: int, drawn: Iterable[str]) -> None:
    """Raise `UserError` if a split would hold out all rows; repeated rows and questions are counted by the job only.

    drawn: the splits that are taken from the training rows.
    """
    rows = min(rows, spec.limit or rows)
    for split in drawn:
        held = getattr(spec, split)
        if isinstance(held, int) and held >= rows:
            raise UserError(
                f"datasets.{name}.prepare.{split}: {held} rows are to be held out, and there are {rows}, so that none "
                "remain to learn from; lower it, or bring more rows."
            )
