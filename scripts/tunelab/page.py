"""Collect everything that the page says, looked up in a study's files: no wording and no mark-up in here."""

from typing import Any

import yaml

from tunelab import cards, comparison, datacard, facts, samples, settings, statistics
from tunelab.metrics import BRIEF, HEADLINES, MEANS, METRICS, PROPORTIONS, RATIOS
from tunelab.study import Study


def build_page(study: Study, figures: dict[str, Any]) -> dict:
    """Build what the templates may refer to; they can refer to nothing else."""
    rows = study.load(study.results_file)
    find = {(row["run"], row["seed"], row["task"], row["metric"]): row for row in rows}
    trainings = {pair: study.load(study.run_file(*pair, "training.json")) for pair in study.list_pairs("sft", "grpo")}
    data_cards = cards.build_data_cards(study)
    first = {run: trainings[run, seed] for run, seed in trainings if seed == study.list_seeds(run)[0]}
    return {
        "title": study.spec["study"]["title"],
        "smoke": study.spec["study"]["smoke"],
        "seeds": study.spec["study"]["seeds"],
        "runs": {run: build_run(study, run) for run in study.runs},
        "tasks": {task: build_task(study, task, find, data_cards) for task in study.tasks},
        "models": [build_model(study, model) for model in study.spec["models"]],
        "cards": data_cards,
        "metrics": METRICS,
        "cells": build_cells(study, find),
        "find": find,
        "settings": settings.build_settings(study, first),
        "samples": {task: samples.build_samples(study, task) for task in study.tasks},
        "completions": {run: samples.build_completions(study, run) for run in study.list_runs("grpo")},
        "costs": comparison.build_cost_table(study),
        "facts": facts.build_facts(study, find, trainings, data_cards),
        "figures": figures,
        "files": build_files(study),
        "config": yaml.safe_dump(study.spec, sort_keys=False, allow_unicode=True, width=100),
        "confidence": statistics.CONFIDENCE,
        "resamples": statistics.RESAMPLES,
        "small_sample": statistics.SMALL_SAMPLE,
        "ngram": datacard.NGRAM,
        "quantiles": list(cards.QUANTILES),
    }


def build_run(study: Study, run: str) -> dict:
    spec = study.run(run)
    start = spec.get("init_from")
    return {
        "name": run,
        "label": spec["label"],
        "method": spec["method"],
        "colour": study.colour(run),
        "seeds": study.list_seeds(run),
        "dataset": spec.get("dataset"),
        "model": spec["model"],
        "init_from": start,
        "start_shown": start in study.runs,
    }


def build_task(study: Study, task: str, find: dict, data_cards: dict) -> dict:
    spec = study.task(task)
    run, seed = study.list_pairs()[0]
    generation = study.load(study.task_file(run, seed, task, "generation.json"))
    return {
        "label": spec["label"],
        "kind": spec["kind"],
        "dataset": spec["dataset"],
        "synthetic": data_cards[spec["dataset"]]["synthetic"],
        "n": find[run, seed, task, "loss"]["n"],
        "headlines": HEADLINES[spec["kind"]],
        "brief": BRIEF[spec["kind"]],
        "others": [m for m in METRICS if m in list_metrics(spec["kind"]) and m not in HEADLINES[spec["kind"]]],
        "generation": {
            name: settings.render_setting(value)
            for name, value in generation["generation"].items()
            if value is not None  # the file lists all that transformers knows; what is off has no value
        },
        "rendered_example": generation["rendered_example"],
        "example_of": run,
    }


def list_metrics(kind: str) -> set[str]:
    return {*PROPORTIONS[kind], *MEANS[kind], *RATIOS}


def build_cells(study: Study, find: dict) -> dict[tuple[str, str, str], dict]:
    """Choose the row that stands for a run in a table: the mean over its seeds where it has several."""
    cells = {}
    for run in study.runs:
        seeds = study.list_seeds(run)
        for task in study.tasks:
            for metric in list_metrics(study.task(task)["kind"]):
                cells[run, task, metric] = find[run, None if len(seeds) > 1 else seeds[0], task, metric]
    return cells


def build_model(study: Study, model: str) -> dict:
    card = study.load(study.model_file(model, "card.json"))
    source = settings.render_source(study.spec["models"][model])
    return {**card, "source": source, "file": study.name(study.model_file(model, "card.json"))}


def build_files(study: Study) -> dict[str, str]:
    """Name the files that tables and figures are made from, as seen from the project's root."""
    root = study.root
    return {
        "results": study.spec["study"]["results"],
        "report": study.name(root / "report.html"),
        "table": study.name(study.results_file),
        "main_csv": study.name(root / "tables" / "main.csv"),
        "cost_csv": study.name(root / "tables" / "cost.csv"),
        "history": study.name(root / "runs") + "/{run}/seed{seed}/history.jsonl",
        "training": study.name(root / "runs") + "/{run}/seed{seed}/training.json",
        "completions": study.name(root / "runs") + "/{run}/seed{seed}/completions.parquet",
        "answers": study.name(root / "runs") + "/{run}/seed{seed}/{task}/answers.jsonl",
        "scores": study.name(root / "runs") + "/{run}/seed{seed}/{task}/scores.jsonl",
    }
