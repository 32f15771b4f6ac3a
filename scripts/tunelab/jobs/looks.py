"""Remember which looks were taken at a study's results.

A look is a comparison with some of the seeds. The ledger (`looks.json` in the study's folder) keeps every one, with
what it found, since a look cannot be taken back: it outlives re-runs, so no rule declares it as an output. From it
follows which runs get more seeds (`jobs.seed_plan`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tunelab import records
from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.layout import Layout
from tunelab.values import list_names

DUE = Path(".snakemake/look_due")
Pair = tuple[str, str]
Ledger = Sequence[dict[str, Any]]  # a look each, the oldest first
# of a look; `looks` is what the config declares, and null where it declares none
FIELDS = {"number", "seeds", "looks", "taken", "changed", "contrasts"}


class Progress(NamedTuple):
    """How far the declared looks of a study are.

    taken: how many were taken; stopped: the look at which each contrast was decided; due: the next look, None for none.
    """

    taken: int
    stopped: dict[Pair, int]
    due: int | None


def read_ledger(results: str | Path) -> Ledger:
    """Read which looks were taken at the results in this folder; none without a ledger.

    Raises:
        UserError: if the file is no ledger.
    """
    file = Layout(results).looks_file
    try:
        ledger = records.read_json(file) if file.is_file() else []
    except ValueError:
        ledger = None
    if not isinstance(ledger, list) or not all(isinstance(look, dict) and look.keys() == FIELDS for look in ledger):
        raise UserError(f"{file} is no ledger of looks; take it from a backup, or remove it to begin anew.")
    return ledger


def find_progress(study: Study, ledger: Ledger) -> Progress:
    """Return how far the declared looks are; a look counts as one of them if it was declared as they are now."""
    declared = study.spec["study"].get("looks")
    looks = [look for look in ledger if is_declared(study, look)]
    taken = max((look["number"] or 0 for look in looks), default=0)
    stopped = {
        (row["run"], row["against"]): look["number"] for look in looks for row in look["contrasts"] if row["stopped"]
    }
    undecided = [pair for pair in study.list_contrasts() if pair not in stopped]
    more = declared and undecided and taken < len(declared["seeds"])
    return Progress(taken, stopped, taken + 1 if more else None)


def note_due(study: Study, ledger: Ledger) -> str:
    """Leave a note for `make report` that another look is due, and return a sentence that says so."""
    _, stopped, due = find_progress(study, ledger)
    records.write_text(DUE, f"{due}\n")
    if due is None:
        return (
            "The looks decide otherwise than before, so other seeds count; the same command makes the page with them."
        )
    left = [" against ".join(pair) for pair in study.list_contrasts() if pair not in stopped]
    return (
        f"Look {due} of {len(study.spec['study']['looks']['seeds'])} is due, with more seeds, since this is undecided: "
        f"{list_names(left, quoted=False)}. The same command takes it; `make report` takes all that are due."
    )


def is_declared(study: Study, look: dict[str, Any]) -> bool:
    """Tell whether a look of the ledger is one of those that the config declares, with the same seeds."""
    declared = study.spec["study"].get("looks")
    return look["looks"] == declared and look["seeds"] == list_look_seeds(study, look["number"])


def list_look_seeds(study: Study, number: int | None) -> list[int]:
    """List the seeds of a look, the first of the study's; all of them without a number."""
    seeds = study.spec["study"]["seeds"]
    return seeds if number is None else seeds[: study.spec["study"]["looks"]["seeds"][number - 1]]


def enter_looks(results: str | Path, looks: Ledger) -> None:
    """Enter looks into the ledger; one that is there gets its new numbers, but keeps when it was first taken.

    looks: without times.
    """
    ledger = read_ledger(results)
    for look in looks:
        before = [found for found in ledger if is_same(found, look)]
        ledger = [*(found for found in ledger if found not in before), _date(look, before)]
    if looks:
        records.write_json(Layout(results).looks_file, ledger)


def _date(look: dict[str, Any], before: Ledger) -> dict[str, Any]:
    """Add when a look was first taken, and when its numbers last changed."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if not before:
        return look | {"taken": now, "changed": None}
    (first,) = before
    changed = now if first["contrasts"] != look["contrasts"] else first["changed"]
    return look | {"taken": first["taken"], "changed": changed}


def is_same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Tell whether two looks are the same one: declared alike, with the same seeds."""
    return all(first[name] == second[name] for name in ("number", "seeds", "looks"))
