"""What kind of gain a run made in answers that were drawn: form, reliability or coverage.

Training on rewards can raise the mean of the drawn answers without teaching anything: it is enough that what was
likely becomes likelier. So a run must beat the greedy and the majority answers of the other one, which are to be had
without any training, before its gain counts as more.
"""

from collections.abc import Iterator

from tunelab.comparison.contrasts import Pair, correct_pairs
from tunelab.comparison.crossed import estimate_share
from tunelab.comparison.gain_rows import GainKind, Kind, Tested
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_metric, name_sampled
from tunelab.comparison.rows import Number
from tunelab.comparison.verdicts import compare_runs, judge


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
