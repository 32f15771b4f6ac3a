"""Spread a stage's facts over the positional params of its rule, since Snakemake compares params one by one."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

# Snakemake asks each of these functions for its parameters, several times a job
SIGNATURE = inspect.signature(lambda wildcards: None)
SHARED = ("code ", "package ")  # of the kinds that wildcards which are not in the domain, like a seed, do not change


def track(facts: Callable[..., list[str]], domain: Iterable[tuple]) -> list[str | Callable[[Any], str]]:
    """Return what a rule's params hold for its facts: what all its jobs share, and functions of the wildcards.

    A rule has a fixed number of params, but facts differ by wildcard: every combination gets as many slots as the
    longest needs, and leaves its spare ones empty. Facts come through functions, so that braces in them stay literal;
    but a call for each param of each job is what a plan spends most of its time on, so shared code is written out.

    facts: takes values of wildcards by its parameters' names; domain: all combinations of these values, in that order.
    """
    names = list(inspect.signature(facts).parameters)
    build = functools.cache(facts)
    built = [build(*key) for key in domain]
    shared = set.intersection(*map(set, built)) if built else set()
    shared = {fact for fact in shared if fact.startswith(SHARED) and not {"{", "<"} & set(fact)}

    @functools.cache
    def list_own(*key: str) -> list[str]:
        return [fact for fact in build(*key) if fact not in shared]

    def fill(index: int) -> Callable[[Any], str]:
        def find(wildcards: Any) -> str:
            found = list_own(*(wildcards[name] for name in names))
            return found[index] if index < len(found) else ""

        find.__signature__ = SIGNATURE
        return find

    slots = max(map(len, built), default=0) - len(shared) + 1
    return [*sorted(shared), *map(fill, range(slots))]
