"""Continued pretraining: a run reads plain texts, others go on from it, and nothing is asked of the texts."""

import pytest

from tests.study_copy import call_snakemake, copy_project, plan

STUDY = """
study: {runs: [base, lora, answering], tasks: [support]}
noise: null
drift: null
comparison: {contrasts: [[answering, lora]]}
datasets:
  manuals: {fetch: {source: local, files: [manuals.txt]}, prepare: {format: text}}
runs:
  reading:
    {label: Reading, method: sft, model: smollm2, dataset: manuals, adapter: {peft_type: LORA},
     training: {max_length: 64, packing: true, packing_strategy: wrapped}}
  answering: {like: lora, label: Both, init_from: reading, adapter: null}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("texts"))
    paragraphs = "\n\n".join(f"Pump {number} is oiled." for number in range(12))
    (folder / "manuals.txt").write_text(paragraphs, encoding="utf-8")
    (folder / "mine.yaml").write_text(STUDY, encoding="utf-8")
    return folder


def test_a_run_goes_on_from_one_that_reads(folder):
    jobs = plan(folder, "--configfile", "mine.yaml")
    assert {job for job in jobs if job.startswith("train_")} == {
        *("train_sft reading 1", "train_sft lora 1", "train_sft answering 1"),
    }
    assert "prepare_dataset manuals" in jobs
    assert not {job for job in jobs if "generate" in job and "manuals" in job}


def test_texts_that_leave_none_to_learn_from_are_told_before_anything_runs(folder):
    (folder / "one.yaml").write_text(STUDY.replace("manuals.txt", "one.txt"), encoding="utf-8")
    (folder / "one.txt").write_text("Only one paragraph.", encoding="utf-8")
    code, printed = call_snakemake(folder, "--dry-run", "--cores=1", "--configfile", "one.yaml")
    assert code != 0
    assert "datasets.manuals.prepare: no rows remain for train. Rows: 1" in printed
