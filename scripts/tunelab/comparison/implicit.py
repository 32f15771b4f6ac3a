"""How often a run's implicit reward prefers the chosen answers of held-out pairs, as DPO trains it to.

The implicit reward is an answer's log-probability by the run, minus that by what the run began from. TRL logs its
accuracy on the pairs that are learnt (`rewards/accuracies`); these pairs no run has seen.
"""

from collections.abc import Iterator
from itertools import cycle

import numpy as np

from tunelab.comparison.crossed import Measured, estimate_metric, pick_seed
from tunelab.comparison.items import Items, rank
from tunelab.comparison.metrics import GAP, SHARE
from tunelab.comparison.results import Implicit


def list_implicit(items: Items) -> Iterator[Implicit]:
    """Estimate it for every trained run on every task of pairs, for each seed and over several of them."""
    study = items.study
    for task in items.paired:
        for run in study.list_trained():
            start, seeds = study.find_shown(run, "init_from"), study.list_seeds(run)
            named = {"run": run, "task": task, "start": start}
            over = [None] if len(seeds) > 1 else []
            if start is None:
                yield from (Implicit(**named, seed=seed, accuracy=None, sources=[]) for seed in [*seeds, *over])
                continue
            measured, files = _measure(items, run, start, task)
            of_seeds = zip(files[: len(seeds)], cycle(files[len(seeds) :]), strict=False)  # an untouched start has one
            for place, (seed, sources) in enumerate(zip(seeds, of_seeds, strict=True)):
                accuracy = estimate_metric(pick_seed(measured, place), share=True)._asdict()
                yield Implicit(**named, seed=seed, accuracy=accuracy, sources=sources)
            for seed in over:
                accuracy = estimate_metric(measured, share=True)._asdict()
                yield Implicit(**named, seed=seed, accuracy=accuracy, sources=files)


def _measure(items: Items, run: str, start: str, task: str) -> tuple[Measured, list[str]]:
    """Return which pairs the implicit reward ranks rightly, seeds by items, and the files of run and start."""
    (own, before), files = items.measure_together([(run, GAP), (start, GAP)], task)
    ranks = rank(own.numerators - before.numerators)
    return Measured(ranks, np.ones(ranks.shape), SHARE), files
