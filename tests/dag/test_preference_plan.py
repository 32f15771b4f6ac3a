"""Runs that learn from preferences: of a data set, or of drawn answers."""

import json

from tests.study_copy import copy_project, plan

STUDY = """
study: {runs: [base, warmstart, pairs, single, drawn, chosen], tasks: [mine]}
noise: null
drift: null
comparison: {contrasts: [[pairs, base]]}
datasets:
  mine: {fetch: {source: local, files: [mine.jsonl]}, prepare: {format: preference}}
samples:
  play: {run: warmstart, dataset: sums}
runs:
  pairs: &run {label: DPO, method: dpo, model: smollm2, dataset: mine, adapter: {peft_type: LORA}, training: {}}
  single: {<<: *run, label: KTO, method: kto}
  chosen: {<<: *run, label: SFT, method: sft}
  drawn: {label: Drawn, method: kto, model: smollm2, samples: play, init_from: warmstart, training: {}}
tasks:
  mine: {label: Mine, kind: text, dataset: mine, generation: {max_new_tokens: 8}}
"""


def test_a_data_set_is_learnt_from_as_it_is_and_drawn_answers_are_chosen_from(tmp_path):
    folder = copy_project(tmp_path)
    rows = [{"prompt": f"Q{number}?", "chosen": "Yes", "rejected": "No"} for number in range(12)]
    (folder / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "mine.yaml").write_text(STUDY, encoding="utf-8")
    jobs = plan(folder, "--configfile", "mine.yaml")
    trained = {job for job in jobs if job.startswith("train_")}
    learners = {f"train_preferences {run} 1" for run in ("pairs", "single", "drawn")}
    assert trained == learners | {"train_sft warmstart 1", "train_sft chosen 1"}
    assert {job for job in jobs if job.startswith("choose_")} == {"choose_samples drawn 1"}
    assert "prepare_dataset mine" in jobs
