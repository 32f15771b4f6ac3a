"""Which runs a verdict says little of, and why: what stands behind its sentence, or as a sign beside it.

starved: a run of reinforcement learning that drew too few completions, where the verdict does not favour it, since more
might have turned it. degenerate: a run whose answers to the task are alike or loop, whatever the verdict says.
"""

from collections.abc import Iterable

Doubts = dict[str, list[str]]  # runs by what is to be doubted of them


def list_doubts(contrast: dict) -> Doubts:
    """List the runs of a contrast of which its verdict says little; nothing for a reason that no run has."""
    favoured = {"better": contrast["run"], "worse": contrast["against"]}.get(contrast["verdict"])
    starved = [run for run in contrast["starved"] if run != favoured]
    return pick({"starved": starved, "degenerate": contrast["degenerate"]})


def join_doubts(rows: Iterable[dict]) -> Doubts:
    """List the runs that the doubts of several findings name, each once."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for reason, runs in row["doubted"].items():
            found.setdefault(reason, {}).update(dict.fromkeys(runs))
    return {reason: list(runs) for reason, runs in found.items()}


def build_kinds(kinds: list[dict], starved: list[dict], sameness: list[dict]) -> list[dict]:
    """Add to each kind of gain of which runs it says little."""
    favoured = {"beyond": "run", "less": "against"}
    drew_little = {found["run"] for found in starved}
    rows = []
    for row in kinds:
        pair = [row["run"], row["against"]]
        alike = {found["run"] for found in sameness if found["task"] == row["task"] and found["degenerate"]}
        doubted = [run for run in pair if run in drew_little and run != row.get(favoured.get(row["kind"]))]
        rows.append(row | {"doubted": pick({"starved": doubted, "degenerate": [run for run in pair if run in alike]})})
    return rows


def pick(doubts: Doubts) -> Doubts:
    """Leave out reasons without a run."""
    return {reason: runs for reason, runs in doubts.items() if runs}
