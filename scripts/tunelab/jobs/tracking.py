"""Spread a stage's facts over the positional params of its rule, since Snakemake compares params one by one."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

# Snakemake asks each of these functions for its parameters, several times a job: a third of the time of a plan
SIGNATURE = inspect.signature(lambda wildcards: None)


def track(facts: Callable[..., list[str]], domain: Iterable[tuple]) -> list[Callable[[Any], str]]:
    """Return one function of the wildcards for every param that a rule needs to hold its facts.

    A rule has a fixed number of params, but facts differ by wildcard: every combination gets as many slots as the
    longest needs, and leaves its spare ones empty. Facts come through functions, so that braces in them stay literal.

    facts: takes values of wildcards by its parameters' names; domain: all combinations of these values, in that order.
    """
    names = list(inspect.signature(facts).parameters)
    build = functools.cache(facts)
    slots = max((len(build(*key)) for key in domain), default=0) + 1

    def fill(index: int) -> Callable[[Any], str]:
        def find(wildcards: Any) -> str:
            found = build(*(wildcards[name] for name in names))
            return found[index] if index < len(found) else ""

        find.__signature__ = SIGNATURE
        return find

    return [fill(index) for index in range(slots)]
