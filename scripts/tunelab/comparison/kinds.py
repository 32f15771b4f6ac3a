"""What kind of gain a run made in answers that were drawn: form, reliability or coverage.

Training on rewards can raise the mean of the drawn answers without teaching anything: it is enough that what was
likely becomes likelier. So a run must beat the greedy and the majority answers of the other one, which are to be had
without any training, before its gain counts as more.
"""

from collections.abc import Iterator

from tunelab.comparison.contrasts import Pair, correct_pairs, list_declared
from tunelab.comparison.crossed import Measured, estimate_share, select_items
from tunelab.comparison.gain_rows import GainKind, Kind, Tested
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import PROPORTIONS, is_sampled, name_sampled
from tunelab.comparison.rows import Number
from tunelab.comparison.verdicts import compare_runs, judge


def list_kinds(items: Items) -> Iterator[GainKind]:
    """Tell the kind of each declared difference on every task to which several answers were drawn."""
    for task in items.study.tasks:
        if not (sampling := items.study.task(task).get("sampling")):
            continue
        samples, k = sampling["samples"], max(sampling["k"])
        mean, passed, majority = (name_sampled(*named) for named in (("mean", samples), ("pass", k), ("maj", k)))
        pairs = list_declared(items.study)
        steps = {  # a metric of the run, minus one of the other
            "form": ("strict_format", "strict_format"),
            "reliability": (mean, mean),
            "beyond_greedy": (mean, "strict"),
            "beyond_majority": (mean, majority),
            "coverage": (passed, passed),
        }
        tested = {step: _test_step(items, task, pairs, metrics) for step, metrics in steps.items()}
        for pair in pairs:
            solved, other_solved = (items.measure(run, task, mean)[0].numerators > 0 for run in pair)
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
                sources=[
                    file for run in pair for name in ("strict", mean) for file in items.measure(run, task, name)[1]
                ],
            )


def _test_step(items: Items, task: str, pairs: list[Pair], metrics: tuple[str, str]) -> dict[Pair, Tested]:
    """Test the run's metric minus the other's, pair by pair on the rows that both were measured on."""
    is_share = set(metrics) <= set(PROPORTIONS["maths"])
    mixed = is_sampled(metrics[0]) != is_sampled(metrics[1])
    margin = items.study.spec["comparison"]["margins"]["strict"]

    def measure(run: str, metric: str) -> Measured:
        measured = items.measure(run, task, metric)[0]
        return select_items(measured, items.find_drawn(task)) if mixed and not is_sampled(metric) else measured

    compared = {}
    for pair in pairs:
        sides = [measure(run, metric) for run, metric in zip(pair, metrics, strict=True)]
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
