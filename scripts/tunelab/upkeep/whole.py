"""What of a study is whole: the largest block of runs, seeds and parts of which nothing is lacking.

A part is a task, or the drift; a run and one of its seeds are an arm. Estimates and tests take all runs with the same
seeds on the same tasks, so a page can be made of a block only.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tunelab.config.study import Study

DRIFT = "(drift)"  # no task can have this name
Arm = tuple[str, int]


class Block(NamedTuple):
    """A selection of the study, in its order; `seeds` are those of trained runs, `parts` of every arm."""

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    parts: tuple[str, ...]

    @property
    def tasks(self) -> list[str]:
        return [part for part in self.parts if part != DRIFT]


def list_parts(study: Study) -> list[str]:
    return [*study.tasks, *([DRIFT] if study.spec.get("drift") else [])]


def find_block(study: Study, lacking: dict[Arm, set[str]]) -> Block | None:
    """Return the block of the most arms by parts; of equal ones that of more arms, then of more runs; None if none is.

    lacking: which parts an arm has not; one that is not named has all.
    """
    held = {arm: frozenset(list_parts(study)) - lacking.get(arm, set()) for arm in study.list_arms()}
    blocks = [_fit_block(study, held, parts) for parts in _intersect(held.values()) if parts - {DRIFT}]
    return max((block for block in blocks if block.runs), key=lambda block: _measure(study, block), default=None)


def count_arms(study: Study, block: Block) -> int:
    return sum(len(list_chosen_seeds(study, block, run)) for run in block.runs)


def list_chosen_seeds(study: Study, block: Block, run: str) -> list[int]:
    """List the seeds of a run that the block has; the untouched model's is always among them."""
    return [seed for seed in study.list_seeds(run) if seed in block.seeds or run not in study.list_trained()]


def _measure(study: Study, block: Block) -> tuple[int, ...]:
    arms = count_arms(study, block)
    return arms * len(block.parts), arms, len(block.runs)


def _fit_block(study: Study, held: dict[Arm, frozenset], parts: frozenset) -> Block:
    """Return the largest choice of runs and seeds that have all of these parts."""
    fit = {arm for arm, found in held.items() if parts <= found}
    trained = study.list_trained()
    own = {run: frozenset(seed for seed in study.list_seeds(run) if (run, seed) in fit) for run in trained}
    chosen = max(
        (seeds for seeds in _intersect(own.values()) if seeds),
        key=lambda seeds: (len(seeds) * sum(seeds <= found for found in own.values()), -len(seeds), sorted(seeds)),
        default=frozenset(study.spec["study"]["seeds"]),
    )
    runs = [run for run in study.runs if (chosen <= own[run] if run in own else set(study.list_arms([run])) <= fit)]
    seeds = [seed for seed in study.spec["study"]["seeds"] if seed in chosen]
    return Block(tuple(runs), tuple(seeds), tuple(part for part in list_parts(study) if part in parts))


def _intersect(sets: Iterable[frozenset]) -> set[frozenset]:
    """Return all intersections of one or more of these sets: the only choices that no other one contains."""
    found: set[frozenset] = set()
    for one in set(sets):
        found |= {one, *(one & other for other in found)}
    return found
