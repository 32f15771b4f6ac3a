"""Test contrasts again and again while seeds are added, within one test's chance of a false alarm.

The chance of a false alarm is shared out over the looks beforehand (`spend`, which adds up to 1). A contrast's p is the
smallest, over the looks taken, of that look's p divided by its share: a valid p, whatever the looks have to do with
each other, since each of theirs is (Bonferroni's inequality with weights). So Holm's correction among the contrasts
holds as ever, and the p of equivalence is made in the same way. A contrast stops when the first metric of each of its
tasks is decided; then it is tested no more, and none of its numbers changes.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from tunelab.comparison.power import ALPHA
from tunelab.comparison.result_rows import Look, Looks, LookTest, Number, Seen, Simulated, Verdict
from tunelab.comparison.results import Results
from tunelab.comparison.verdicts import Contrast, correct_family, decide_verdict
from tunelab.config.study import Study
from tunelab.jobs.looks import Ledger, Pair, is_declared, is_same, list_look_seeds

Place = tuple[str, str]  # a task and a metric


class Rules(NamedTuple):
    """What is decided on: in which direction each metric is better, and each task's first metric."""

    better: dict[Place, Literal["higher", "lower"]]
    first: set[Place]


class Tested(NamedTuple):
    """What a contrast showed at one look, by that look's seeds alone, and how it stood then, after all looks so far."""

    pair: Pair
    place: Place
    number: int
    found: Contrast
    verdict: Verdict
    stopped: bool


class Outcome(NamedTuple):
    """How a contrast stands: its last look, what it found, its p-values over all looks, and after Holm's correction."""

    number: int
    found: Contrast | None
    p: float
    p_equivalence: float
    corrected: tuple[float, float]
    verdict: Verdict


# of a contrast that has too few seeds for the first look
NOT_LOOKED_AT = Outcome(0, None, 1.0, 1.0, (1.0, 1.0), "undecided")


class Course(NamedTuple):
    """What the looks of a study found; `taken` of them were taken, and contrasts that were `left` wait for the next."""

    rules: Rules
    taken: int
    tested: list[Tested]
    outcomes: dict[tuple[Pair, Place], Outcome]
    left: list[Pair]


def find_confidence(spend: float) -> float:
    """Return the confidence of intervals at a look that may spend this share."""
    return 1 - ALPHA * spend


def follow_looks(
    pairs: Sequence[Pair],
    spend: Sequence[float],
    test: Callable[[Pair, int], dict[Place, Contrast] | None],
    rules: Rules,
) -> Course:
    """Take one look after the other, each at the contrasts that have not stopped, as far as there are seeds.

    test: tests a contrast at a look (from 1) everywhere it is asked; None where seeds of that look are lacking.
    """
    outcomes: dict[tuple[Pair, Place], Outcome] = {}
    tested: list[Tested] = []
    left, taken = list(pairs), 0
    for number, share in enumerate(spend, 1):
        found = {pair: test(pair, number) for pair in left}
        if not left or None in found.values():
            break
        taken = number
        for pair, places in found.items():
            for place, compared in places.items():
                outcomes[pair, place] = _add_look(outcomes.get((pair, place)), number, compared, share)
        outcomes = _decide(outcomes, rules)
        undecided = {pair for (pair, place), row in outcomes.items() if place in rules.first and is_open(row)}
        tested += [
            Tested(pair, place, number, compared, outcomes[pair, place].verdict, pair not in undecided)
            for pair, places in found.items()
            for place, compared in places.items()
            if outcomes[pair, place].number == number
        ]
        left = [pair for pair in left if pair in undecided]
    return Course(rules, taken, tested, outcomes, left)


def is_open(outcome: Outcome) -> bool:
    return outcome.verdict == "undecided"


def _add_look(before: Outcome | None, number: int, found: Contrast, share: float) -> Outcome:
    """Add what a look found to what is known; a decided one stays as it is."""
    if before and not is_open(before):
        return before
    p, p_equivalence = (min(1.0, value / share) for value in (found.p, found.p_equivalence))
    if before:
        p, p_equivalence = min(p, before.p), min(p_equivalence, before.p_equivalence)
    return Outcome(number, found, p, p_equivalence, (1.0, 1.0), "undecided")


def _decide(outcomes: dict[tuple[Pair, Place], Outcome], rules: Rules) -> dict[tuple[Pair, Place], Outcome]:
    """Correct the p-values of each task and metric together, and decide what is open."""
    decided = {}
    for place in dict.fromkeys(place for _, place in outcomes):
        family = {key: row for key, row in outcomes.items() if key[1] == place}
        corrected = zip(*(correct_family(column) for column in _list_p_values(family.values())), strict=True)
        for (key, row), values in zip(family.items(), corrected, strict=True):
            verdict = decide_verdict(row.found.value, *values, rules.better[place]) if is_open(row) else row.verdict
            decided[key] = row._replace(corrected=values, verdict=verdict)
    return decided


def _list_p_values(rows: Iterable[Outcome]) -> tuple[list[float], list[float]]:
    rows = list(rows)
    return [row.p for row in rows], [row.p_equivalence for row in rows]


# --- What results.json and the ledger hold of the looks


def describe_looks(study: Study, course: Course | None, ledger: Ledger) -> Looks | None:
    """Describe the looks that were taken; one whose numbers were others in the ledger is marked as changed."""
    if course is None:
        return None
    declared, rules = study.spec["study"]["looks"], course.rules
    taken = []
    for number in range(1, course.taken + 1):
        tests = [_describe(row, rules) for row in course.tested if row.number == number]
        confidence = find_confidence(declared["spend"][number - 1])
        look = Look(
            number=number, seeds=list_look_seeds(study, number), confidence=confidence, tests=tests, changed=False
        )
        entry = build_entry(study, number, tests)
        before = [found for found in ledger if is_same(found, entry)]
        changed = any(found["changed"] or found["contrasts"] != entry["contrasts"] for found in before)
        taken.append(look.model_copy(update={"changed": changed}))
    of = len(declared["seeds"])
    due = course.taken + 1 if course.left and course.taken < of else None
    return Looks(of=of, taken=taken, left=course.left, due=due)


def _describe(row: Tested, rules: Rules) -> LookTest:
    number = {name: getattr(row.found, name) for name in Number.model_fields}
    return LookTest(
        run=row.pair[0],
        against=row.pair[1],
        task=row.place[0],
        metric=row.place[1],
        primary=row.place in rules.first,
        p=row.found.p,
        p_equivalence=row.found.p_equivalence,
        verdict=row.verdict,
        stopped=row.stopped,
        **number,
    )


def list_seen(study: Study, ledger: Ledger) -> list[Seen]:
    """List the seeds with which declared pairs were tested and seen before, when other seeds or looks were declared."""
    asked = {(*pair, task) for task in study.tasks for pair in study.list_contrasts(task)}
    found = [
        look["seeds"]
        for look in ledger
        if not is_declared(study, look)
        and look["seeds"] != study.spec["study"]["seeds"]
        and any((row["run"], row["against"], row["task"]) in asked for row in look["contrasts"])
    ]
    return [Seen(seeds=seeds) for number, seeds in enumerate(found) if seeds not in found[:number]]


def build_entry(study: Study, number: int | None, rows: Iterable[Number]) -> dict[str, Any]:
    """Build a look as the ledger has it, without times; number: None where no looks are declared.

    Numbers are rounded, so that another processor's last digit is no change.
    """
    told = [{name: getattr(row, name, None) for name in LookTest.model_fields} for row in rows]
    rounded = [
        {name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in row.items()}
        for row in told
    ]
    looks = study.spec["study"].get("looks")
    return {"number": number, "seeds": list_look_seeds(study, number), "looks": looks, "contrasts": rounded}


def summarise_simulation(simulated: dict) -> list[Simulated]:
    """Read from simulations (`upkeep.look_simulation`) what looks cost and gain."""
    of, contrasts = simulated["seeds"][-1], simulated["contrasts"]
    return [Simulated(**cell, of=of, contrasts=contrasts) for cell in simulated["grid"]]


def list_entries(study: Study, results: Results) -> list[dict[str, Any]]:
    """List the looks for the ledger that a comparison took; where none are declared it is one with all seeds."""
    if results.looks:
        return [build_entry(study, look.number, look.tests) for look in results.looks.taken]
    declared = [row for row in results.contrasts if row.declared]
    return [build_entry(study, None, declared)] if declared else []
