"""Check, before any long job, that a model has positions for all that a study gives it.

No job waits for this check, so each checks its own rows as well (`context_length`).
"""

from typing import Any, NamedTuple

from tunelab.errors import UserError
from tunelab.models.context_length import REMEDY, count_positions
from tunelab.values import list_names


def check_positions(config: dict[str, Any], sent: dict[str, Any], tokens: dict[str, dict], key: str) -> dict[str, Any]:
    """Return how many positions there are and are needed, by what is sent.

    config: the model's; sent: what `Slices.sent` says; tokens: the data sets' lengths by split (data set → splits).

    Raises:
        UserError: naming the model, and every run and task that needs more than it has; or a task of a single row,
            which is known as early.
    """
    for task, spec in sent["tasks"].items():
        if sent["compared"] and len(tokens[spec["dataset"]]["test"]["total"]) < 2:
            raise UserError(
                f"tasks.{task}: there is one row to answer, and one row compares no runs; raise "
                f"datasets.{spec['dataset']}.prepare.test, or bring more rows."
            )
    positions = count_positions(config)
    longest = {f"runs.{run}": _measure_run(spec, tokens) for run, spec in sent["runs"].items()}
    longest |= {f"tasks.{task}": _measure_task(spec, tokens) for task, spec in sent["tasks"].items()}
    over = {name: row for name, row in longest.items() if positions is not None and row.tokens > positions}
    if over:
        listed = (f"{name} needs {row.tokens} (line {row.line} of {row.file})" for name, row in over.items())
        raise UserError(f"{key}: the model has {positions} positions, and {list_names(listed, quoted=False)}. {REMEDY}")
    return {"positions": positions, "needed": {name: row.tokens for name, row in longest.items()}}


class Row(NamedTuple):
    """A prepared row: how many positions it takes, and where in the results it stands."""

    tokens: int
    file: str
    line: int


def _measure_run(spec: dict[str, Any], tokens: dict[str, dict]) -> Row:
    if spec["completion"] is not None:
        return _find_longest(spec, tokens, ["train"], {"prompt": spec["completion"]})
    kinds = ("total", "rejected") if spec.get("rejected") else ("total",)
    return _find_longest(spec, tokens, ["train", "validation"], dict.fromkeys(kinds, 0), spec["max_length"])


def _measure_task(spec: dict[str, Any], tokens: dict[str, dict]) -> Row:
    return _find_longest(spec, tokens, ["test"], {"prompt": spec["max_new_tokens"], "total": 0, "rejected": 0})


def _find_longest(
    spec: dict[str, Any], tokens: dict[str, dict], splits: list[str], more: dict[str, int], most: int | None = None
) -> Row:
    """Return the row of these splits that takes most positions.

    more: which lengths count, and what is added to each; most: where rows are cut.
    """
    found = (
        Row(length + added, f"datasets/{spec['dataset']}/{split}_dataset.json", line)
        for split in splits
        for kind, added in more.items()
        for line, length in enumerate(tokens[spec["dataset"]][split].get(kind, ()), 1)
    )
    longest = max(found, key=lambda row: row.tokens)
    return longest._replace(tokens=min(longest.tokens, most or longest.tokens) + spec["virtual"])
