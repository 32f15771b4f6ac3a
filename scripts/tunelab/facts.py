"""What a reader must know before believing a number: facts about a study, looked up, none of them judged.

The page words them; a fact that does not hold is an empty list, so that the page says nothing about it.
"""

from collections import defaultdict

from tunelab.statistics import estimate_proportion
from tunelab.study import Study

BUDGETS = ("tokens", "steps")


def build_facts(study: Study, find: dict, trainings: dict[tuple[str, int], dict], cards: dict[str, dict]) -> dict:
    """Build the facts; `find` holds the estimates by (run, seed, task, metric), `cards` the data cards."""
    return {
        "sizes": [build_size(study, find, task) for task in study.tasks if study.task(task)["kind"] == "maths"],
        "synthetic": [dataset for dataset in study.spec["datasets"] if cards[dataset]["synthetic"]],
        "overlaps": [card | card["overlap"] for card in cards.values() if any_overlap(card)],
        "budgets": list_unequal_budgets(study, trainings),
        "cut_off": list_cut_off(study, find),
        "versions": collect_versions(trainings),
        "machines": collect_machines(study, trainings),
    }


def build_size(study: Study, find: dict, task: str) -> dict:
    """Say how wide a task's interval is for a run that is right half the time."""
    n = find[study.runs[0], study.list_seeds(study.runs[0])[0], task, "strict"]["n"]
    half = estimate_proportion([i < n // 2 for i in range(n)])
    return {"task": study.task(task)["label"], "n": n, "half_width_points": 50 * (half.high - half.low)}


def any_overlap(card: dict) -> bool:
    return bool(card["overlap"]["exact"] or card["overlap"]["ngram13"])


def list_unequal_budgets(study: Study, trainings: dict) -> list[dict]:
    """List, per measure of effort, the runs with the least and the most, where they differ."""
    first = {run: training for (run, seed), training in trainings.items() if seed == study.list_seeds(run)[0]}
    unequal = []
    for name in BUDGETS:
        least, most = (pick(first, key=lambda run: first[run][name]) for pick in (min, max)) if first else (None, None)
        if first and first[least][name] != first[most][name]:
            ends = {"least": least, "most": most, "low": first[least][name], "high": first[most][name]}
            unequal.append({"name": name, **ends})
    return unequal


def list_cut_off(study: Study, find: dict) -> list[dict]:
    """List, per task, the run whose answers ran into the limit on new tokens most often, if any did."""
    worst = []
    for task in study.tasks:
        rows = [row for (_, seed, name, metric), row in find.items() if (name, metric) == (task, "truncated")]
        row = max((row for row in rows if row["seed"] is not None), key=lambda row: row["value"])
        if row["value"]:
            worst.append({"task": study.task(task)["label"], "run": row["run"], "share": row["value"]})
    return worst


def collect_versions(trainings: dict) -> list[dict]:
    """List packages with their versions; more than one version means that runs are not of one environment."""
    versions = defaultdict(set)
    for training in trainings.values():
        for package, version in training["versions"].items():
            versions[package].add(version)
    return [{"package": package, "versions": sorted(found)} for package, found in sorted(versions.items())]


def collect_machines(study: Study, trainings: dict) -> list[dict]:
    """List what the runs were trained on, with the runs it applies to."""
    machines = defaultdict(list)
    for (run, seed), training in trainings.items():
        label = study.run(run)["label"] + (f" (seed {seed})" if len(study.list_seeds(run)) > 1 else "")
        machines[training["device"], training["dtype"], training["threads"]].append(label)
    return [
        {"device": device, "dtype": dtype, "threads": threads, "runs": runs}
        for (device, dtype, threads), runs in machines.items()
    ]
