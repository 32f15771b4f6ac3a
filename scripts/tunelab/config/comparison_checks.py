"""Judge what the config says of comparing runs: pairs that name no run, that compare a run with itself, or repeat."""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem
from tunelab.config.wording import refuse_name, show


def check_contrasts(config: Draft) -> Iterator[Problem]:
    """Check that every pair names two different runs, and no pair stands there twice, in either order."""
    known, seen = config["runs"], set()
    for index, pair in enumerate(config.comparison.contrasts):
        path = ("comparison", "contrasts", index)
        if len(pair) != 2:
            yield Problem(path, f"must name two runs, [run, against] (got {show(pair)})")
            continue
        unknown = [name for name in pair if name not in known]
        if unknown:
            yield Problem(path, refuse_name(f"there is no run {show(unknown[0])}", unknown[0], known))
        elif pair[0] == pair[1]:
            yield Problem(path, f"compares {show(pair[0])} with itself; name two runs")
        elif frozenset(pair) in seen:
            yield Problem(
                path, f"{show(pair[0])} and {show(pair[1])} are compared already; take one of the two pairs out"
            )
        seen.add(frozenset(pair))
