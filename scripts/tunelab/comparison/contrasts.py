"""Test the differences between runs, pair by pair on the same items.

Pairs that the config names form one family per task and metric, whose p-values Holm corrects together; the verdicts
that the page words stand on these. All other pairs are exploratory, and form a family of their own with the named ones.
Pairs grow with the square of the runs: of many runs, each is compared with its untouched model and its start alone.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

from tunelab.comparison.budgets import list_starved, list_unequal
from tunelab.comparison.crossed import estimate_share
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_margin, find_metric, is_sampled, name_sampled
from tunelab.comparison.results import Contrast
from tunelab.comparison.rows import GainKind, Kind, Number, Tested
from tunelab.comparison.verdicts import Contrast as Compared
from tunelab.comparison.verdicts import compare_runs, correct_family, judge
from tunelab.config.study import Study
from tunelab.errors import UserError

Pair = tuple[str, str]
MOST = 30  # runs, of which all pairs are compared: a matrix that can still be read


def compares_all(study: Study) -> bool:
    """Tell whether every run is compared with every other one."""
    return len(study.runs) <= MOST


def list_others(study: Study, task: str) -> list[Pair]:
    """List the pairs to compare that the config does not name for a task, the later run against the earlier one."""
    named = {frozenset(pair) for pair in study.list_contrasts(task)}
    pairs = combinations(study.runs, 2) if compares_all(study) else _list_origins(study)
    return [(later, earlier) for earlier, later in pairs if {earlier, later} not in named]


def _list_origins(study: Study) -> Iterator[Pair]:
    """Yield each trained run with its untouched model and its start, as far as they are in the study, earlier first."""
    place = {run: number for number, run in enumerate(study.runs)}
    for run in study.list_trained():
        origins = {study.find_untouched(run), study.find_shown(run, "init_from")} - {None}
        yield from (tuple(sorted((run, origin), key=place.get)) for origin in sorted(origins, key=place.get))


def list_contrasts(
    items: Items, trainings: dict, floors: dict[tuple[str, str], float], degenerate: Mapping[str, set[str]]
) -> Iterator[Contrast]:
    """Test every pair on every contrasted metric.

    floors: the noise of evaluation by (task, metric). degenerate: the runs of each task whose answers are alike or
    repeat themselves.
    """
    study = items.study
    starved = {row.run for row in list_starved(study, trainings)}
    for task in items.tasks:
        declared, others = study.list_contrasts(task), list_others(study, task)
        for place, metric in enumerate(items.list_contrasted(task)):
            found = {pair: _compare(items, pair, task, metric) for pair in declared + others}
            corrected = correct_pairs({pair: found[pair][0] for pair in others + declared})
            corrected |= correct_pairs({pair: found[pair][0] for pair in declared})
            for pair, (contrast, sources) in found.items():
                p, p_equivalence = corrected[pair]
                yield Contrast(
                    run=pair[0],
                    against=pair[1],
                    task=task,
                    metric=metric,
                    declared=pair in declared,
                    primary=place == 0,
                    margin=find_margin(study.spec["comparison"]["margins"], metric),
                    p_corrected=p,
                    noise=floors.get((task, metric)),
                    unequal=list_unequal(study, trainings, *pair),
                    starved=[run for run in pair if run in starved],
                    degenerate=[run for run in pair if run in degenerate.get(task, ())],
                    verdict=judge(contrast.value, p, p_equivalence, find_metric(metric, study.own_metrics).better),
                    sources=sources,
                    **contrast._asdict() | {"p_equivalence": p_equivalence},
                )


def _compare(items: Items, pair: Pair, task: str, metric: str) -> tuple[Compared, list[str]]:
    """Return what the comparison on the rows that both runs have came to, and the files behind it."""
    (first, second), sources = items.measure_together([(run, metric) for run in pair], task)
    if first.numerators.shape[1] < 2:
        raise UserError(f"{task} has one row, and one row compares no runs; raise `prepare.test` of its data set.")
    margin = find_margin(items.study.spec["comparison"]["margins"], metric)
    return compare_runs(first, second, margin, find_metric(metric).is_share, is_sampled(metric)), sources


def correct_pairs(family: dict) -> dict[Pair, tuple[float, float]]:
    """Correct the p-values of difference and those of equivalence, each kind for itself."""
    if not family:
        return {}
    corrected = [
        correct_family([getattr(contrast, name) for contrast in family.values()]) for name in ("p", "p_equivalence")
    ]
    return dict(zip(family, zip(*corrected, strict=True), strict=True))


# What kind of gain a run made in answers that were drawn: form, reliability or coverage.
# Training on rewards can raise the mean of the drawn answers without teaching anything: it is enough that what was
# likely becomes likelier. So a run must beat the greedy and the majority answers of the other one, which are to be had
# without any training, before its gain counts as more.


def list_kinds(items: Items) -> Iterator[GainKind]:
    """Tell the kind of each declared difference on every task to which several answers were drawn."""
    for task in items.study.tasks:
        if not (sampling := items.study.task(task).get("sampling")):
            continue
        samples, k = sampling["samples"], max(sampling["k"])
        mean, passed, majority = (name_sampled(*named) for named in (("mean", samples), ("pass", k), ("maj", k)))
        pairs = items.study.list_contrasts(task)
        steps = {  # a metric of the run, minus one of the other
            "form": ("strict_format", "strict_format"),
            "reliability": (mean, mean),
            "beyond_greedy": (mean, "strict"),
            "beyond_majority": (mean, majority),
            "coverage": (passed, passed),
        }
        tested = {step: _test_step(items, task, pairs, metrics) for step, metrics in steps.items()}
        for pair in pairs:
            drawn, sources = items.measure_together([(run, mean) for run in pair], task)
            solved, other_solved = (measured.numerators > 0 for measured in drawn)
            found = {step: rows[pair] for step, rows in tested.items()}
            yield GainKind(
                run=pair[0],
                against=pair[1],
                task=task,
                samples=samples,
                k=k,
                **found,
                newly_solved=Number(**estimate_share(solved & ~other_solved)._asdict()),
                no_longer_solved=Number(**estimate_share(other_solved & ~solved)._asdict()),
                kind=find_kind(found),
                sources=[*items.measure_together([(run, "strict") for run in pair], task)[1], *sources],
            )


def _test_step(items: Items, task: str, pairs: list[Pair], metrics: tuple[str, str]) -> dict[Pair, Tested]:
    """Test the run's metric minus the other's, pair by pair on the rows that both were measured on."""
    is_share = all(find_metric(metric).is_share for metric in metrics)
    margin = items.study.spec["comparison"]["margins"]["strict"]
    compared = {}
    for pair in pairs:
        sides, _ = items.measure_together(list(zip(pair, metrics, strict=True)), task)
        compared[pair] = compare_runs(*sides, margin, is_share, is_drawn=not is_share)
    tested = {}
    for pair, (p, p_equivalence) in correct_pairs(compared).items():
        row = compared[pair]
        number = {name: getattr(row, name) for name in Number.model_fields}
        tested[pair] = Tested(**number, p_corrected=p, verdict=judge(row.value, p, p_equivalence, "higher"))
    return tested


def find_kind(tested: dict[str, Tested]) -> Kind:
    """Find the kind of a gain from the verdicts on its steps.

    More answers in the layout cannot bring more right ones than they are, so what lies beyond greedy and majority
    answers is more than form where its interval lies above that of the layout share.
    """
    reliability = tested["reliability"].verdict
    if reliability != "better":
        return {"equivalent": "same", "worse": "less", "undecided": "undecided"}[reliability]
    beyond = [tested["beyond_greedy"], tested["beyond_majority"]]
    if all(step.verdict == "better" for step in beyond):
        return "beyond" if min(step.low for step in beyond) > max(tested["form"].high, 0.0) else "form"
    if any(step.verdict in ("equivalent", "worse") for step in beyond) and tested["coverage"].verdict != "better":
        return "sharper"
    return "open"
