"""Describe data sets for the page: their cards, how long their rows are for each model, and how many are cut."""

from pathlib import Path

import numpy as np

from tunelab.config.fields import find_setting
from tunelab.config.study import Study, cuts_rows
from tunelab.data.turns import tell_turn
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.settings import render_setting
from tunelab.values import cut

QUANTILES = {"shortest": 0.0, "median": 0.5, "nine in ten below": 0.9, "longest": 1.0}
EXAMPLES = 3
SHOWN = 20_000  # characters of a plain text, which may be a book


def build_data_cards(study: StudyFolder) -> dict[str, dict]:
    """Build one card per data set, with token lengths per model that meets it."""
    cards = {}
    for dataset in study.spec["datasets"]:
        card = study.load(study.dataset_file(dataset, "data_card.json"))
        fetched = study.load(study.dataset_file(dataset, "card.json"))
        files = [study.dataset_file(dataset, name) for name in ("data_card.json", "card.json")]
        lengths = []
        for pair in study.list_token_pairs():
            if pair[0] == dataset:
                path = study.dataset_file(dataset, f"tokens_{pair[1]}.json")
                lengths.append(build_lengths(study, *pair, study.load(path)))
                files.append(path)
        cards[dataset] = card | {
            "examples": list(map(tell_row, card["examples"][:EXAMPLES])),
            "source": {**fetched["source"], "revision": fetched["revision"]} | name_files(fetched["source"]),
            "revision": fetched["revision"],
            "artefacts": fetched["files"],
            "lengths": lengths,
            "trained_by": [run for run in study.runs if study.run(run).get("dataset") == dataset],
            "tasks": [study.task(task)["label"] for task in study.tasks if study.task(task)["dataset"] == dataset],
            "files": [study.name(path) for path in files],
        }
    return cards


def tell_row(row: dict) -> list[dict[str, str]]:
    """Return the turns of a row with their roles; a plain text is a single turn."""
    if "text" in row:
        return [{"role": "text", "content": cut(row["text"], SHOWN)}]
    return [{"role": turn["role"], "content": tell_turn(turn)} for turn in row["messages"]]


def name_files(source: dict) -> dict[str, list[str]]:
    """Name a source's files, local ones without the folders of the one who ran the study."""
    files = [*source.get("files", ()), *source.get("test_files", ())]
    return {"files": [Path(file).name if source["source"] == "local" else file for file in files]}


def build_lengths(study: Study, dataset: str, model: str, tokens: dict) -> dict:
    """Summarise the token lengths of a data set's rows as a model sees them."""
    splits = {
        split: {kind: [float(np.quantile(lengths[kind], share)) for share in QUANTILES.values()] for kind in lengths}
        for split, lengths in tokens["splits"].items()
    }
    return {
        "model": model,
        "splits": splits,
        "preview": [piece | {"text": cut(piece["text"], SHOWN)} for piece in tokens["preview"]],
        "template": tokens["template_sha256"][:12],
        "chat": describe_chat(tokens["chat"]),
        "truncated": list_truncated(study, dataset, model, tokens["splits"]["train"]["total"]),
    }


def describe_chat(chat: dict) -> dict:
    """Name a template's file without its folders, and its variables as one would type them."""
    variables = [f"{name} = {render_setting(value)}" for name, value in chat["kwargs"].items()]
    return chat | {"origin": Path(chat["origin"]).name, "kwargs": variables}


def list_truncated(study: Study, dataset: str, model: str, totals: list[int]) -> list[dict]:
    """Count, per supervised run that cuts rows, the training rows that are longer and lose their end."""
    found = []
    for run in study.list_runs("sft"):
        spec, most = study.run(run), find_setting(study.run(run), "max_length")
        own = (spec["dataset"], spec["model"]) == (dataset, model) and not spec.get("samples")  # learns other rows
        if own and most and cuts_rows(spec["training"]):
            rows = sum(total > most for total in totals)
            found.append({"run": run, "max_length": most, "rows": rows, "of": len(totals)})
    return found
