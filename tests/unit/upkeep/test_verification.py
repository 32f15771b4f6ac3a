"""Every artefact is hashed again and compared with the cards."""

from pathlib import Path

import pytest

from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.upkeep.result_files import list_studies
from tunelab.upkeep.verification import summarise_findings, verify_studies

ROWS, WEIGHTS, PAGE = "results/datasets/chat/train.json", "results/runs/lora/seed1/adapter/w", "results/report.html"
CSS = "reports/report.css"
TRAIN = {"rule": "train_sft", "wildcards": {"run": "lora", "seed": "1"}}


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """A chain of three jobs, one of which made a folder, and files that need no card."""
    monkeypatch.chdir(tmp_path)
    for path in (ROWS, WEIGHTS, PAGE, CSS, "results/runs/lora/seed1/tensorboard/events"):
        write_file(path)
    for path in ("logs/train/lora_seed1.log", "benchmarks/train/lora_seed1.jsonl", "runs/.snakemake_timestamp"):
        write_file(f"results/{path}")
    write_card("results/logs/prepare_dataset/chat.log", outputs=[ROWS], wildcards={"dataset": "chat"})
    write_card(
        "results/logs/train/lora_seed1.log",
        inputs=[ROWS],
        outputs=[WEIGHTS, "results/runs/lora/seed1/tensorboard"],
        **TRAIN,
    )
    write_card("results/logs/render_report.log", inputs=[CSS, WEIGHTS], outputs=[PAGE])


def verify():
    return verify_studies(list_studies()).lines


def test_untouched_results_are_what_the_cards_say():
    findings = verify_studies(list_studies())
    assert findings.lines == []
    assert (findings.files, findings.cards) == (4, 3)
    assert summarise_findings(findings) == "Files compared: 4, with cards: 3; all are what the cards say."


def test_one_changed_byte_is_named_with_the_job_that_made_the_file_and_not_for_those_that_used_it():
    write_file(ROWS, "Results/datasets/chat/train.json")
    assert verify() == [f"{ROWS}: changed since it was made by prepare_dataset chat"]


def test_a_missing_file_is_named():
    Path("results/runs/lora/seed1/tensorboard/events").unlink()
    assert verify() == ["results/runs/lora/seed1/tensorboard/events: missing; it was made by train_sft lora 1"]


def test_a_file_that_no_card_tells_of_is_named():
    write_file("results/runs/lora/seed1/half.part")
    write_file("results/notes/mine.txt")
    assert verify() == [
        "results/notes/mine.txt: no card tells what made it",
        "results/runs/lora/seed1/half.part: no card tells what made it",
    ]


def test_a_result_made_from_an_earlier_version_of_an_input_is_named():
    write_file(ROWS, "made anew")
    write_card("results/logs/prepare_dataset/chat.log", outputs=[ROWS])
    assert verify() == [f"{WEIGHTS} and 1 more: made from another version of {ROWS}"]


def test_an_edited_file_of_the_project_is_told_with_what_was_made_from_it():
    write_file(CSS, "edited")
    assert verify() == [f"{PAGE}: made from another version of {CSS}"]
    Path(CSS).unlink()
    assert verify() == [f"{PAGE}: made from another version of {CSS}, now gone"]


def test_several_inputs_of_another_version_are_one_line():
    write_file(CSS, "edited")
    write_file(WEIGHTS, "made anew")
    write_card(
        "results/logs/train/lora_seed1.log", inputs=[ROWS], outputs=[WEIGHTS, "results/runs/lora/seed1/tensorboard"]
    )
    assert verify() == [f"{PAGE}: made from another version of {CSS} and 1 more"]


def test_of_two_cards_for_one_file_the_later_counts():
    write_card("results/logs/old/rule.log", outputs=[WEIGHTS], finished="2026-11-22T17:00:00+00:00")
    write_file(WEIGHTS, "new")
    write_card("results/logs/train/lora_seed1.log", outputs=[WEIGHTS, "results/runs/lora/seed1/tensorboard"])
    assert verify() == [f"{PAGE}: made from another version of {WEIGHTS}"]


def test_a_broken_card_is_named_and_then_its_files_have_none():
    write_file("results/cards/prepare_dataset/chat.json", "{")
    write_file("results/cards/extra.json", "[1]")
    write_file("results/cards/half.json", '{"rule": "train_sft", "outputs": {}}')
    assert verify() == [
        "results/cards/extra.json is no provenance card; remove it and make its results again.",
        "results/cards/half.json is no provenance card; remove it and make its results again.",
        "results/cards/prepare_dataset/chat.json is no provenance card; remove it and make its results again.",
        f"{ROWS}: no card tells what made it",
    ]


def test_studies_within_the_folder_of_another_are_verified_by_their_own_cards():
    inner = write_file("results/smoke/report.html")
    write_card("results/smoke/logs/render_report.log", outputs=[inner])
    assert list_studies() == [Path("results"), Path("results/smoke")]
    assert verify() == []
    assert verify_studies([Path("results")]).files == 4
    write_file(inner, "changed")
    assert verify_studies([Path("results")]).lines == []
    assert verify() == [f"{inner}: changed since it was made by render_report"]


def test_a_link_to_a_file_of_the_user_is_hashed_by_its_content(tmp_path):
    mine = tmp_path / "mine.safetensors"
    mine.write_text("weights", encoding="utf-8")
    link = Path("results/models/mine/model/model.safetensors")
    link.parent.mkdir(parents=True)
    link.symlink_to(mine)
    write_card("results/logs/fetch_model/mine.log", outputs=[str(link.parent)], wildcards={"model": "mine"})
    assert verify() == []
    mine.write_text("other weights", encoding="utf-8")
    assert verify() == [f"{link}: changed since it was made by fetch_model mine"]


def test_the_sentence_counts_what_differs():
    write_file("results/a.part")
    assert summarise_findings(verify_studies(list_studies())) == "Files compared: 5, with cards: 3; 1 differs."
    write_file("results/b.part")
    assert summarise_findings(verify_studies(list_studies())) == "Files compared: 6, with cards: 3; 2 differ."
