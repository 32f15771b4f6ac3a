"""A finished study, one edit at a time: exactly the jobs that the edit asks for are planned, and no other."""

import contextlib
import os
import time
from pathlib import Path

import pytest
from expected_jobs import COMPARED, DESCRIBED, EVERYTHING, METHODS, RUNS, evaluated, prepared, trained
from study_copy import changed_config, changed_file, plan

SFT = trained("lora", "prefix", "warmstart")
CURVES = {"plot_learning_curves"}
REWARDS = {"plot_rewards"}
JUDGED = {"generate_answers", "score_answers"}
OF_DATA = {job for job in EVERYTHING if job.startswith(("fetch_dataset", "prepare_dataset"))}

CONFIG_EDITS = {
    "reformatted, reordered, without comments": ({}, set()),
    "hub.endpoint": ({"hub": {"endpoint": "https://mirror.example"}}, set()),
    "a number written as YAML reads it as text": ({"runs": {"lora": {"training": {"learning_rate": "3e-4"}}}}, set()),
    "a default written out": ({"tasks": {"sums": {"generation": {"do_sample": False}}}}, set()),
    "study.title": ({"study": {"title": "Another title"}}, DESCRIBED),
    "a run's label": ({"runs": {"lora": {"label": "Low-rank"}}}, DESCRIBED),
    "a task's label": ({"tasks": {"sums": {"label": "Arithmetic"}}}, DESCRIBED),
    "lora's learning rate": (
        {"runs": {"lora": {"training": {"learning_rate": 1.0e-4}}}},
        trained("lora") | DESCRIBED,
    ),
    "lora's rank": ({"runs": {"lora": {"adapter": {"r": 8}}}}, trained("lora") | DESCRIBED),
    "steps of the warm start, from which grpo begins": (
        {"runs": {"warmstart": {"training": {"max_steps": 26}}}},
        trained("warmstart", "grpo") | DESCRIBED,
    ),
    "a reward's weight": (
        {"runs": {"grpo": {"rewards": {"weights": {"integer": 0.5}}}}},
        trained("grpo") | DESCRIBED,
    ),
    "max_new_tokens of one task": (
        {"tasks": {"sums": {"generation": {"max_new_tokens": 129}}}},
        evaluated(tasks=["sums"], rules=JUDGED) | DESCRIBED,
    ),
    "batch of one task's losses": (
        {"tasks": {"support": {"loss_batch_size": 4}}},
        evaluated(tasks=["support"], rules=["measure_loss"]) | DESCRIBED,
    ),
    "prepare.seed of one data set": ({"datasets": {"sums": {"prepare": {"seed": 43}}}}, prepared("sums") | DESCRIBED),
    "system message of one data set": (
        {"datasets": {"support": {"prepare": {"system": "Reply."}}}},
        prepared("support") | DESCRIBED,
    ),
    "fetch.rows of one data set": (
        {"datasets": {"sums": {"fetch": {"rows": 1001}}}},
        {"fetch_dataset sums"} | prepared("sums") | DESCRIBED,
    ),
}

CODE_EDITS = {
    "scoring": ("tunelab/scoring.py", evaluated(rules=["score_answers"]) | COMPARED),
    "rewards, which are the metrics": (
        "tunelab/rewards.py",
        trained("grpo") | evaluated(rules=["score_answers"]) | COMPARED | REWARDS,
    ),
    "sft": ("tunelab/sft.py", SFT | trained("grpo") | COMPARED | CURVES | REWARDS),
    "grpo": ("tunelab/grpo.py", trained("grpo") | COMPARED | REWARDS),
    "generation": ("tunelab/generation.py", evaluated(rules=JUDGED) | COMPARED),
    "losses": ("tunelab/losses.py", evaluated(rules=["measure_loss"]) | COMPARED),
    "splits": ("tunelab/splits.py", prepared("support") | prepared("sums")),
    "sources of models": ("tunelab/sources/models.py", EVERYTHING - OF_DATA),
    "comparison": ("tunelab/comparison.py", COMPARED),
    "training figures": ("tunelab/training_figures.py", CURVES | REWARDS | {"render_report", "all"}),
    "task figures": ("tunelab/task_figures.py", {"plot_tasks", "render_report", "all"}),
    "report": ("tunelab/report.py", {"render_report", "all"}),
    "a script": ("score_answers.py", evaluated(rules=["score_answers"]) | COMPARED),
    "records, which every stage uses": ("tunelab/records.py", EVERYTHING),
    "asking, which no stage uses": ("tunelab/asking.py", set()),
    "merging, whose output no target promises": ("tunelab/merging.py", set()),
    "errors, which are sentences": ("tunelab/errors.py", set()),
}


@pytest.mark.parametrize("edit", CONFIG_EDITS)
def test_a_config_edit_asks_for_the_stages_that_depend_on_it(finished, edit):
    overlay, expected = CONFIG_EDITS[edit]
    with changed_config(finished, overlay):
        assert plan(finished) == expected


@pytest.mark.parametrize("edit", CODE_EDITS)
def test_a_code_edit_asks_for_the_stages_that_run_it(finished, edit):
    file, expected = CODE_EDITS[edit]
    with appended(finished / "scripts" / file, "\n\ndef stranger():\n    return 1\n"):
        assert plan(finished) == expected


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("reports/report.css", "body", "/* larger */ body", {"render_report", "all"}),
        ("reports/report_cost.html.j2", "<h2", "<h2  ", {"render_report", "all"}),
        ("rules/train.smk", "rule train_sft:", "# a comment\nrule train_sft:", set()),
        ("profiles/default/config.yaml", "keep-going: true", "keep-going: false", set()),
    ],
)
def test_an_edit_of_a_text_asks_for_the_page_at_most(finished, file, old, new, expected):
    path = finished / file
    count = path.read_text(encoding="utf-8").count(old)
    assert count
    with changed_file(path, old, new, count):
        assert plan(finished) == expected


def test_comments_and_docstrings_ask_for_nothing(finished):
    with contextlib.ExitStack() as edits:
        for name in ("train_sft.py", "tunelab/sft.py", "tunelab/scoring.py", "tunelab/records.py"):
            path = finished / "scripts" / name
            edits.enter_context(appended(path, "\n\n# a comment\n"))
            edits.enter_context(
                changed_file(path, first_line := path.read_text().partition("\n")[0], f"{first_line} So.")
            )
        assert plan(finished) == set()


def test_touched_files_ask_for_nothing(finished):
    now = time.time()
    touched = [path for path in finished.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    before = {path: path.stat().st_mtime for path in touched}
    for path in touched:
        os.utime(path, (now, now))
    jobs = plan(finished)
    for path, mtime in before.items():
        os.utime(path, (mtime, mtime))
    assert len(touched) > 200
    assert jobs == set()


def test_another_version_of_a_package_asks_for_the_stages_that_name_it(finished):
    for package, expected in {
        "sacrebleu": evaluated(rules=["score_answers"]) | COMPARED,
        "peft": SFT | trained("grpo") | evaluated(RUNS, rules=[*JUDGED, "measure_loss"]) | COMPARED | CURVES | REWARDS,
        "jinja2": {"render_report", "all"},
        "bitsandbytes": set(),
    }.items():
        with installed_package(finished / "scripts", package):
            assert plan(finished) == expected, package


def test_a_trained_run_is_listed_for_every_method():
    assert set(METHODS) == set(RUNS) - {"base"}


@contextlib.contextmanager
def appended(path: Path, text: str):
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


@contextlib.contextmanager
def installed_package(folder: Path, name: str):
    """Make a package look like another version, by metadata that are found before the installed ones."""
    metadata = folder / f"{name}-99.0.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 99.0\n", encoding="utf-8")
    try:
        yield
    finally:
        metadata.unlink()
        metadata.parent.rmdir()
