"""How much a metric moves when the same model is evaluated again, and in batches of another size."""

from collections.abc import Iterator
from itertools import filterfalse

from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_metric, is_sampled
from tunelab.comparison.results import Repeat
from tunelab.config.study import REPEATS


def list_repeats(items: Items) -> Iterator[Repeat]:
    """Compare each repeated evaluation with the run's own; nothing when the config asks for none.

    Answers are drawn once, so their metrics are not repeated.
    """
    study = items.study
    if not study.spec["noise"]:
        return
    run = study.spec["noise"]["run"]
    seed = study.list_seeds(run)[0]
    for task in study.tasks:
        for metric in filterfalse(is_sampled, items.list_contrasted(task)):
            measured, sources = items.measure(run, task, metric)
            for repeat in REPEATS:
                path = study.noise_file(repeat, task, find_metric(metric).file)
                repeated, above, below = items.read_repeat(run, task, path, metric)
                own_above, own_below = (part[0][repeated] for part in (measured.numerators, measured.denominators))
                own, again = own_above / own_below, above / below
                yield Repeat(
                    run=run,
                    seed=seed,
                    task=task,
                    metric=metric,
                    repeat=repeat,
                    value=own_above.sum() / own_below.sum(),
                    repeated=above.sum() / below.sum(),
                    flips=float((own != again).mean()),
                    n=len(own),
                    sources=[sources[0], study.name(path)],
                )


def find_floors(repeats: list[Repeat]) -> dict[tuple[str, str], float]:
    """Return the largest change of each (task, metric)."""
    floors: dict[tuple[str, str], float] = {}
    for row in repeats:
        change = abs(row.repeated - row.value)
        floors[row.task, row.metric] = max(change, floors.get((row.task, row.metric), 0.0))
    return floors
