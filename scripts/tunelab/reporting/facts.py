"""Look up facts that a reader must know before believing a number, and where the numbers come from.

The page's templates word them. A fact that does not hold is an empty list, and the page says nothing about it.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.comparison.statistics import estimate_proportion
from tunelab.config.methods import REWARDED
from tunelab.config.metrics import FIRST, METRICS, SHARE
from tunelab.config.study import Study
from tunelab.jobs.checkout import find_address
from tunelab.jobs.layout import StudyFolder

# --- Equal answers and values, which two trainings rarely give
# A training may have changed nothing, a seed may have no effect, or two names may stand for the same weights.


def list_identical(study: StudyFolder) -> list[dict[str, Any]]:
    """List the groups of runs and seeds whose answers to a task are equal word by word."""
    found = []
    for task in study.list_answered():
        groups: dict[tuple[str, ...], list[tuple[str, int]]] = {}
        for arm in study.list_arms():
            answers = study.load(study.task_file(*arm, task, "answers.jsonl"))
            groups.setdefault(tuple(answer["completion"] for answer in answers), []).append(arm)
        found += [
            {"task": task, "arms": arms, "of_one_run": len({run for run, _ in arms}) == 1, "n": len(answers)}
            for answers, arms in groups.items()
            if len(arms) > 1
        ]
    return found


def list_still(study: StudyFolder, find: dict) -> list[dict[str, Any]]:
    """List the estimates (of the first seed) of runs whose first metric on a task is the same for all seeds."""
    found = []
    for task in study.tasks:
        metric = FIRST[study.task(task)["kind"]]
        for run in study.list_trained():
            rows = [find[run, seed, task, metric] for seed in study.list_seeds(run)]
            if len(rows) > 1 and len({row["value"] for row in rows}) == 1:
                found.append(rows[0] | {"seeds": len(rows), "extreme": rows[0]["value"] in SHARE})
    return found


# --- Origin: the rows and files behind each number, and the jobs, code and days behind these

KINDS = (
    "followed",
    "reached",
    "tuned",
    "estimates",
    "contrasts",
    "parts",
    "gains",
    "kinds",
    "recovered",
    "implicit",
    "repeats",
    "known",
    "cleaned",
    "cleaned_contrasts",
    "sameness",
)


def place_rows(found: dict[str, list[dict]]) -> None:
    """Give every row of results.json its place there, which the page links to: `estimates/12`."""
    for kind in KINDS:
        for number, row in enumerate(found[kind]):
            row["place"] = f"{kind}/{number}"


def build_trace(found: dict[str, list[dict]], file: str) -> dict[str, Any]:
    """Build what the page shows when a number is clicked: the row of `file`, the interval's method and the sources.

    Each name of a file or method stands once. A row is a list: the place of its interval's method in `intervals` (-1 if
    it has none), then the places of its files in `files`.
    """
    files: dict[str, int] = {}
    intervals: dict[str, int] = {}
    rows = {
        kind: [
            [
                intervals.setdefault(row["interval"], len(intervals)) if "interval" in row else -1,
                *(files.setdefault(file, len(files)) for file in row.get("sources", ())),
            ]
            for row in found[kind]
        ]
        for kind in KINDS
    }
    return {"file": file, "files": list(files), "intervals": list(intervals), "rows": rows}


PROJECT = "tunelab"


def describe_origin(study: StudyFolder) -> dict[str, Any]:
    """Return the project's name and web address, and of the jobs behind results.json the days and commits.

    days: the first and the last, as ISO 8601 in UTC, none where no card is left; commits: of the code, newest first,
    `dirty` where files differed from it.
    """
    cards = sorted(find_cards(study, [study.results_file]).values(), key=lambda card: card["finished"])
    commits: dict[str, bool] = {}
    for card in reversed(cards):
        if card["commit"]:
            commits[card["commit"]] = commits.get(card["commit"], False) or card["dirty"]
    return {
        "project": PROJECT,
        "address": find_address(Path(__file__).parents[3]),
        "days": sorted({card["finished"][:10] for card in (cards[0], cards[-1])} if cards else []),
        "commits": [{"commit": commit, "dirty": dirty} for commit, dirty in commits.items()],
    }


def find_cards(study: StudyFolder, files: list[Path]) -> dict[Path, dict]:
    """Return the cards of the jobs that made these artefacts, and all that they were made from, by their paths.

    Where the folder of cards is gone, there are none.
    """
    cards = {path: records.read_json(path) for path in sorted((study.root / "cards").rglob("*.json"))}
    made: dict[str, Path] = {}
    for path in sorted(cards, key=lambda path: cards[path]["finished"]):  # a file of two cards is the later job's
        made |= dict.fromkeys(cards[path]["outputs"], path)
    found, waiting = set(), [study.name(path) for path in files]
    while waiting:
        if (card := made.get(waiting.pop())) and card not in found:
            found.add(card)
            waiting += cards[card]["inputs"]
    return {path: card for path, card in cards.items() if path in found}


# --- Facts of the trainings and of the data

MACHINE = ("device", "dtype", "processes", "threads")  # of each process


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Facts about a study; one that does not hold is an empty list."""

    sizes: list[dict]
    synthetic: list[str]
    all_synthetic: bool
    cut_off: list[dict]
    cut_rows: list[dict]
    quantised: list[dict]
    rewarded: list[str]
    divided: list[str]
    resumed: list[str]
    versions: list[dict]
    machines: list[dict]


def build_facts(study: Study, find: dict, trainings: dict[tuple[str, int], dict], cards: dict[str, dict]) -> Facts:
    """Build the facts; `find` holds the estimates by (run, seed, task, metric), `cards` the data cards."""
    datasets = list(study.spec["datasets"])
    return Facts(
        sizes=[build_size(find, task, metric) for task, metric in _list_shares(study)],
        synthetic=[dataset for dataset in datasets if cards[dataset]["synthetic"]],
        all_synthetic=bool(datasets) and all(cards[dataset]["synthetic"] for dataset in datasets),
        cut_off=list_cut_off(study, find),
        cut_rows=list_cut_rows(cards),
        quantised=list_quantised(study),
        rewarded=[run for run in study.list_runs(*REWARDED) if "correctness" in study.run(run)["rewards"]["weights"]],
        divided=[run for (run, _), training in trainings.items() if training.get("micro_batch")],
        resumed=[run for (run, _), training in trainings.items() if training["resumed_at"]],
        versions=collect_versions(trainings),
        machines=collect_machines(study, trainings),
    )


def _list_shares(study: Study) -> list[tuple[str, str]]:
    """List the tasks whose first metric counts items, with that metric."""
    first = [(task, FIRST[study.task(task)["kind"]]) for task in study.tasks]
    return [(task, metric) for task, metric in first if METRICS[metric].is_share]


def build_size(find: dict, task: str, metric: str) -> dict:
    """Compute how wide a task's interval is for a run that is right half the time."""
    n = max(row["n"] for (_, _, name, found), row in find.items() if (name, found) == (task, metric))
    return {"task": task, "n": n, "half_width": find_half_width(n)}


def find_half_width(n: int) -> float:
    """Find how far the interval of a share reaches on each side where half of n rows are right."""
    half = estimate_proportion([i < n // 2 for i in range(n)])
    return (half.high - half.low) / 2


def list_cut_off(study: Study, find: dict) -> list[dict]:
    """List, per task, the runs whose answers ran into the limit on new tokens, the most often cut first.

    Each has the share of its worst seed. `much` lists the runs of which a larger share was cut than half the width of
    the interval of a run that is right half the time.
    """
    found = []
    for task in study.tasks:
        rows = [row for (_, _, name, metric), row in find.items() if (name, metric) == (task, "truncated")]
        runs: dict[str, dict] = {}
        for row in sorted(rows, key=lambda row: -row["value"]):
            if row["value"] and row["seed"] is not None:
                runs.setdefault(row["run"], {"run": row["run"], "share": row["value"], "n": row["n"]})
        much = [row for row in runs.values() if row["share"] > find_half_width(row["n"])]
        if runs:
            found.append({"task": task, "runs": list(runs.values()), "much": much})
    return found


def list_cut_rows(cards: dict[str, dict]) -> list[dict]:
    """List the runs that lost the end of some training rows."""
    cuts = [cut for card in cards.values() for lengths in card["lengths"] for cut in lengths["truncated"]]
    return [cut for cut in cuts if cut["rows"]]


def list_quantised(study: Study) -> list[dict]:
    """List the models whose weights were made from a quantised file."""
    models = study.spec["models"].items()
    return [{"model": name, "file": model["gguf"]} for name, model in models if model.get("gguf")]


def collect_versions(trainings: dict) -> list[dict]:
    """List packages with their versions; more than one version means that runs are not of one environment."""
    versions = defaultdict(set)
    for training in trainings.values():
        for package, version in training["versions"].items():
            versions[package].add(version)
    return [{"package": package, "versions": sorted(found)} for package, found in sorted(versions.items())]


def collect_machines(study: Study, trainings: dict) -> list[dict]:
    """List what the runs were trained on, with the (run, seed) pairs it applies to."""
    machines = defaultdict(list)
    for pair, training in trainings.items():
        machines[tuple(training[name] for name in MACHINE)].append(pair)
    return [
        dict(zip(MACHINE, machine, strict=True)) | {"runs": list(dict.fromkeys(run for run, _ in pairs))}
        for machine, pairs in machines.items()
    ]
