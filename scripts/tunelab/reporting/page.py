"""Collect everything that the page says, looked up in a study's files: no wording and no mark-up in here."""

from pathlib import Path
from typing import Any

from tunelab.comparison import budgets, gains, power, repetition, statistics, verdicts
from tunelab.comparison.contrasts import compares_all
from tunelab.comparison.items import name_text
from tunelab.comparison.metrics import FIRST, METRICS, find_metric, list_headlines, list_sampled, list_used
from tunelab.comparison.results import Results
from tunelab.config.methods import METHODS, REWARDED
from tunelab.config.study import Study
from tunelab.data.overlap import NGRAM
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import cards, cautions, completions, facts, findings, overview, settings, tables
from tunelab.reporting.notation import find_colour

# The sections of the page in their order, by what a reader asks next; each has a template of its name.


def list_sections(page: dict) -> dict[str, list[str]]:
    """List the sections that this study has something to say in, by the chapter that they belong to."""
    lacking = page["partial"] or {"pairs": (), "trained": ()}
    chapters = {
        "findings": {
            "results": True,
            "contrasts": page["findings"]["declared"] or lacking["pairs"],
            "pairs": not page["many"] and len(page["runs"]) > 1,
            "sampling": page["samplings"],
            "cost": page["costs"] or lacking["trained"],
            "changes": page["changes"],
            "gains": page["gains"],
        },
        "doubts": {
            "threats": True,
            "contamination": page["contamination"]["overlaps"],
            "noise": page["repeats"],
            "seeds": page["parts"],
            "known": page["known"],
        },
        "training": {
            "learning": "learning_curves" in page["figures"],
            "samples": page["samples"],
            "rewards": page["completions"],
            "signals": "signals" in page["figures"],
        },
        "data": {"data": True, "cards": True, "questions": True},
        "methods": {"setup": True, "reproduce": True, "glossary": True},
    }
    present = {
        chapter: [section for section, is_present in sections.items() if is_present]
        for chapter, sections in chapters.items()
    }
    return {chapter: sections for chapter, sections in present.items() if sections}


# Where each number of the page comes from: its row in results.json, and the files and the method behind that row.


KINDS = (
    *("estimates", "contrasts", "parts", "gains", "kinds", "recovered", "implicit", "repeats", "known"),
    *("cleaned", "cleaned_contrasts", "sameness"),
)


def place_rows(found: dict[str, list[dict]]) -> None:
    """Give every row of results.json its place there, which the page links to: `estimates/12`."""
    for kind in KINDS:
        for number, row in enumerate(found[kind]):
            row["place"] = f"{kind}/{number}"


def build_trace(found: dict[str, list[dict]], file: str) -> dict[str, Any]:
    """Build what the page shows of a number that is asked for, each file's name once; `file` is that of the rows.

    A row is a list: the place of its interval's method in `intervals` (-1: none of its own), then those of its files.
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


# The files that tables and figures are made from, as the page names them.


def build_files(study: StudyFolder) -> dict[str, str]:
    """Name each kind of file as seen from the project's root, with placeholders for run, seed and task."""
    root = study.root
    runs = study.name(root / "runs") + "/{run}/seed{seed}"
    return {
        "report": study.name(root / "report.html"),
        "table": study.name(study.results_file),
        "row": study.results_file.name,  # beside the page
        "overlap": study.name(root / "overlap.json"),
        "tables": study.name(root / "tables"),
        "figures": study.name(root / "figures"),
        "history": f"{runs}/history.jsonl",
        "training": f"{runs}/training.json",
        "completions": f"{runs}/completions.parquet",
        "samples": study.name(root / "samples") + "/{samples}/seed{seed}/summary.json",
        "choice": f"{runs}/choice.json",
        "answers": f"{runs}/{{task}}/answers.jsonl",
        "scores": f"{runs}/{{task}}/scores.jsonl",
    }


def build_page(study: StudyFolder, figures: dict[str, Any], partial: dict | None, makers: list[dict]) -> dict:
    """Build what the templates may refer to; they can refer to nothing else.

    makers: what makes each kind of file (`jobs.makers.describe_rules`).
    """
    results = Results.model_validate(study.load(study.results_file))
    found = results.model_dump()
    place_rows(found)
    find = {(row["run"], row["seed"], row["task"], row["metric"]): row for row in found["estimates"]}
    trainings = tables.load_trainings(study)
    data_cards = cards.build_data_cards(study)
    first = {run: trainings[run, seed] for run, seed in trainings if seed == study.list_seeds(run)[0]}
    texts = {name_text(text): text for text in study.list_texts()}
    pairs = findings.find_pairs(found["contrasts"])
    cells = build_cells(study, find)
    primary = {task: FIRST[study.task(task)["kind"]] for task in study.tasks}
    costs = tables.build_cost_table(study, trainings)
    page = {
        "title": study.spec["study"]["title"],
        "partial": partial,
        "smoke": study.spec["study"]["smoke"],
        "seeds": study.spec["study"]["seeds"],
        "runs": {run: build_run(study, run) for run in study.runs},
        "tasks": {task: build_task(study, task, find, data_cards, task in results.paired) for task in study.tasks},
        "texts": texts,
        "models": [build_model(study, model) for model in study.spec["models"]],
        "cards": data_cards,
        "methods": [method._asdict() for name, method in METHODS.items() if study.list_runs(name)],
        "metrics": {name: find_metric(name, study.own_metrics) for name in order_metrics(find)},
        "cells": cells,
        "find": find,
        "findings": findings.build_findings(found["contrasts"]),
        "primary": primary | dict.fromkeys(texts, FIRST["neutral"]),
        "overview": overview.build_overview(study, primary, cells, pairs, costs),
        "starved": found["starved"],
        "least_equivalent": verdicts.LEAST_EQUIVALENT,
        "least_completions": {"all": budgets.LEAST_COMPLETIONS, "step": budgets.LEAST_OF_STEP},
        "pairs": pairs,
        "many": not compares_all(study),  # too many runs to name each, or to set each against each
        "changes": findings.build_changes(study, pairs, [*study.tasks, *texts]),
        "fairness": cautions.build_fairness(study, trainings),
        "gains": found["gains"],
        "enough": {"answers": gains.FEWEST, "share": gains.SMALLEST},
        "kinds": findings.build_kinds(found["kinds"], found["starved"], found["sameness"]),
        "sameness": found["sameness"],
        "origins": repetition.ORIGINS,
        "degenerate": cautions.list_degenerate(study, found["sameness"]),
        "recovered": found["recovered"],
        "repeats": found["repeats"],
        "parts": found["parts"],
        "known": found["known"],
        "contamination": cautions.build_contamination(found, cells, pairs),
        "samplings": {task: study.task(task)["sampling"] for task in study.tasks if study.task(task).get("sampling")},
        "drift": study.spec.get("drift"),
        "settings": settings.build_settings(study, first),
        "trace": build_trace(found, study.name(study.results_file)),
        "unused_epochs": settings.list_unused_epochs(study),
        "completions": {run: completions.build_completions(study, run) for run in study.list_runs(*REWARDED)},
        "samples": completions.build_samples(study),
        "costs": costs,
        "facts": facts.build_facts(study, find, trainings, data_cards),
        "signals": completions.build_signals(study, find, pairs, found["implicit"]),
        "identical": facts.list_identical(study),
        "still": facts.list_still(study, find),
        "figures": figures,
        "files": build_files(study),
        "makers": makers,
        "config": settings.write_config(study),
        "confidence": results.confidence,
        "coverage": found["coverage"],
        "power": power.POWER,
        "resamples": statistics.RESAMPLES,
        "small_sample": statistics.SMALL_SAMPLE,
        "ngram": NGRAM,
        "quantiles": list(cards.QUANTILES),
    }
    return page | {"sections": list_sections(page), "cautions": cautions.list_cautions(page)}


def build_run(study: Study, run: str) -> dict:
    spec = study.run(run)
    return {
        "name": run,
        "label": spec["label"],
        "method": spec["method"],
        "colour": find_colour(study, run),
        "seeds": study.list_seeds(run),
        "dataset": spec.get("dataset"),
        "model": spec["model"],
        "control": is_control(spec),
    }


def is_control(spec: dict) -> bool:
    """Tell whether a run is taught what is no skill, so that others can be held against it."""
    rewards = spec.get("rewards")
    if "shuffled" in (spec.get("pairs", {}).get("labels"), spec.get("labels")):
        return True
    if not rewards:
        return False
    judges = {"correctness", *rewards.get("functions", ())}  # what a function of the user's own rewards may be a skill
    return judges.isdisjoint(rewards["weights"]) or rewards.get("shuffle_gold", False)


def build_task(study: StudyFolder, task: str, find: dict, data_cards: dict, paired: bool) -> dict:
    spec = study.task(task)
    run, seed = study.list_arms()[0]
    generation = study.load(study.task_file(run, seed, task, "generation.json"))
    measured = {metric for (_, _, name, metric) in find if name == task}
    headlines = list_headlines(spec, paired)
    rows = {row["n"] for (_, _, name, metric), row in find.items() if (name, metric) == (task, "loss")}
    return {
        "label": spec["label"],
        "kind": spec["kind"],
        "dataset": spec["dataset"],
        "synthetic": data_cards[spec["dataset"]]["synthetic"],
        "paired": paired,
        "n": max(rows),
        "fewer": min(rows) if len(rows) > 1 else None,
        "headlines": headlines,
        "brief": list_used("brief", spec["kind"]),
        "others": [metric for metric in METRICS if metric in measured and metric not in (*headlines, "kl")],
        "sampled": list_sampled(spec),
        "drifts": "kl" in measured,
        "generation": {
            name: settings.render_setting(value)
            for name, value in generation["generation"].items()
            if value is not None  # the file lists all that transformers knows; what is off has no value
        },
        "rendered_example": generation["rendered_example"],
        "example_of": run,
    }


def order_metrics(find: dict) -> list[str]:
    """List every metric that was measured: those with a definition of their own, then those of drawn answers."""
    measured = dict.fromkeys(metric for (_, _, _, metric) in find)
    return [name for name in METRICS if name in measured] + [name for name in measured if name not in METRICS]


def build_cells(study: Study, find: dict) -> dict[tuple[str, str, str], dict]:
    """Choose the row that stands for a run in a table: the mean over its seeds where it has several."""
    chosen = {run: None if len(study.list_seeds(run)) > 1 else study.list_seeds(run)[0] for run in study.runs}
    return {(run, task, metric): row for (run, seed, task, metric), row in find.items() if seed == chosen[run]}


def build_model(study: StudyFolder, model: str) -> dict:
    source = study.spec["models"][model]
    return {
        **study.load(study.model_file(model, "card.json")),
        "source": source | ({"path": Path(source["path"]).name} if source["source"] == "local" else {}),
        "file": study.name(study.model_file(model, "card.json")),
        "precision": study.load(study.model_file(model, "precision.json")),
        "precision_figures": study.load(study.model_file(model, "precision_figures.json")),
        "positions": study.load(study.model_file(model, "positions.json")),
    }
