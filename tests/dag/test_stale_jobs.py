"""A finished study, one edit at a time: exactly the jobs that the edit asks for are planned, and no other."""

import contextlib
import os
import time
from pathlib import Path

import pytest
from expected_jobs import (
    CHECKED,
    COMPARED,
    COMPARED_WITHOUT_DRIFT,
    CURVES,
    DESCRIBED,
    DRAWN,
    EVERYTHING,
    FIGURES,
    METHODS,
    MODEL,
    OVERLAP,
    PAGE,
    REWARDS,
    RUNS,
    carded,
    drifted,
    evaluated,
    prepared,
    remodelled,
    repeated,
    retemplated,
    trained,
)

from tests.study_copy import PROJECT, appended, changed_config, changed_file, plan

SFT = trained("lora", "prefix", "warmstart")
JUDGED, SCORED, LOSSES = ("generate_answers", "score_answers"), ("score_answers",), ("measure_loss",)
TOKENS = {"measure_tokens support smollm2", "measure_tokens sums smollm2"}
LEARNT = SFT | trained("grpo") | COMPARED | CURVES | REWARDS

CONFIG_EDITS = {
    "reformatted, reordered, without comments": ({}, set()),
    "hub.endpoint": ({"hub": {"endpoint": "https://mirror.example"}}, set()),
    "checkpoints.save_steps": ({"checkpoints": {"save_steps": 7}}, set()),
    "a number written as YAML reads it as text": ({"runs": {"lora": {"training": {"learning_rate": "3e-4"}}}}, set()),
    "a default written out": ({"tasks": {"sums": {"generation": {"do_sample": False}}}}, set()),
    "a data set that no run and no task names": (
        {"datasets": {"spare": {"fetch": {"source": "local", "files": ["a.csv"]}, "prepare": {"format": "messages"}}}},
        set(),
    ),
    "study.title": ({"study": {"title": "Another title"}}, PAGE),
    "study.language": ({"study": {"language": "zh"}}, FIGURES | {"render_tables"} | PAGE),
    "study.smoke": ({"study": {"smoke": True}}, COMPARED),
    "comparison.contrasts": (
        {"comparison": {"contrasts": [{"runs": ["grpo", "warmstart"], "tasks": ["sums"]}]}},
        COMPARED,
    ),
    "comparison.contrasts, with a task that a run was not asked whole": (
        {"comparison": {"contrasts": [["lora", "base"]]}},
        COMPARED | evaluated(["lora"], ["sums"]),
    ),
    "tasks.sums.untaught_rows": (
        {"tasks": {"sums": {"untaught_rows": 16}}},
        COMPARED | evaluated(["lora", "prefix"], ["sums"]),
    ),
    "a margin": ({"comparison": {"margins": {"strict": 0.05}}}, COMPARED),
    "drift.rows": ({"drift": {"rows": 8}}, drifted() | COMPARED),
    "no drift": ({"drift": None}, COMPARED_WITHOUT_DRIFT),
    "noise.batch_size": ({"noise": {"batch_size": 8}}, repeated(repeats=["rebatched"]) | COMPARED),
    "noise.run": ({"noise": {"run": "lora"}}, repeated() | COMPARED),
    "no noise": ({"noise": None}, COMPARED),
    "the order of the runs": ({"study": {"runs": [*RUNS[::-1]]}}, DESCRIBED),
    "a supervised run's label": ({"runs": {"lora": {"label": "Low-rank"}}}, DRAWN | CURVES | PAGE),
    "the GRPO run's label": ({"runs": {"grpo": {"label": "RL"}}}, DRAWN | REWARDS | PAGE),
    "a task's label": ({"tasks": {"sums": {"label": "Arithmetic"}}}, DRAWN | PAGE),
    "lora's learning rate": ({"runs": {"lora": {"training": {"learning_rate": 1.0e-4}}}}, trained("lora")),
    "lora's rank": ({"runs": {"lora": {"adapter": {"r": 8}}}}, trained("lora")),
    "lora's own save_steps": (
        {"runs": {"lora": {"training": {"save_strategy": "steps", "save_steps": 5, "eval_steps": 5}}}},
        trained("lora"),
    ),
    "prefix's quantisation": ({"runs": {"prefix": {"quantization": {"load_in_4bit": True}}}}, trained("prefix")),
    "steps of the warm start, from which grpo begins": (
        {"runs": {"warmstart": {"training": {"max_steps": 26}}}},
        trained("warmstart", "grpo") | REWARDS,
    ),
    "processes of the GRPO run": (
        {"runs": {"grpo": {"launch": {"processes": 2}}}},
        trained("grpo") | COMPARED | REWARDS,
    ),
    "a reward's weight": (
        {"runs": {"grpo": {"rewards": {"weights": {"integer": 0.5}}}}},
        trained("grpo") | COMPARED | REWARDS,
    ),
    "max_new_tokens of one task": (
        {"tasks": {"sums": {"generation": {"max_new_tokens": 129}}}},
        evaluated(tasks=["sums"], rules=JUDGED) | repeated(["sums"], JUDGED) | COMPARED | CHECKED,
    ),
    "how long lora's rows may be": ({"runs": {"lora": {"training": {"max_length": 300}}}}, trained("lora") | CHECKED),
    "the model's chat template": ({"models": {"smollm2": {"chat_template": "chatml"}}}, retemplated()),
    "what becomes of a system message": ({"models": {"smollm2": {"system": "fold"}}}, retemplated()),
    "a variable of the template": (
        {"models": {"smollm2": {"chat_template_kwargs": {"flag": True}}}},
        retemplated(),
    ),
    "batch of one task's losses": (
        {"tasks": {"support": {"loss_batch_size": 4}}},
        evaluated(tasks=["support"], rules=LOSSES) | repeated(["support"], LOSSES) | COMPARED,
    ),
    "prepare.seed of one data set": ({"datasets": {"sums": {"prepare": {"seed": 43}}}}, prepared("sums")),
    "prepare.limit of one data set": ({"datasets": {"support": {"prepare": {"limit": 200}}}}, prepared("support")),
    "system message of one data set": ({"datasets": {"support": {"prepare": {"system": "Hi."}}}}, prepared("support")),
    "fetch.rows of one data set": (
        {"datasets": {"sums": {"fetch": {"rows": 1001}}}},
        {"fetch_dataset sums"} | prepared("sums"),
    ),
    "version of the model's package": ({"models": {"smollm2": {"version": "0.1.3"}}}, remodelled()),
}
# an edit of a supervised run also redraws the curves and, as every number, the comparison
CONFIG_EDITS = {
    name: (overlay, jobs | (COMPARED | CURVES if any(job.startswith("train_sft") for job in jobs) else set()))
    for name, (overlay, jobs) in CONFIG_EDITS.items()
}
SCRIPT_EDITS = {
    "fetch_model": remodelled(),
    "settle_template": retemplated(),
    "check_positions": CHECKED | PAGE,
    "measure_precision": remodelled()
    - {"fetch_model smollm2", "inspect_model smollm2", "settle_template smollm2"}
    - TOKENS
    - CHECKED,
    "inspect_model": LEARNT | {"inspect_model smollm2"},
    "fetch_dataset": EVERYTHING - MODEL - {"settle_template smollm2"},
    "prepare_dataset": prepared("support") | prepared("sums"),
    "measure_tokens": TOKENS | PAGE | CHECKED,
    "train_sft": LEARNT,
    "train_grpo": trained("grpo") | COMPARED | REWARDS,
    "render_model_card": carded(*METHODS) | {"all"},
    "check_merging": set(),
    "merge_adapter": set(),  # no target promises a merged model
    "generate_answers": evaluated(rules=JUDGED) | repeated(rules=JUDGED) | COMPARED,
    "measure_loss": evaluated(rules=LOSSES) | repeated(rules=LOSSES) | COMPARED,
    "score_answers": evaluated(rules=SCORED) | repeated(rules=SCORED) | COMPARED,
    "measure_drift": drifted() | COMPARED,
    "generate_samples": set(),  # the default study draws no samples
    "score_samples": set(),
    "draw_samples": set(),  # and no run learns from any
    "choose_samples": set(),
    "train_preferences": set(),
    "train_distillation": set(),
    "check_vocabulary": set(),
    "measure_overlap": OVERLAP | COMPARED,
    "compare_methods": COMPARED,
    "plot_figure": FIGURES | PAGE,
    "render_tables": {"render_tables", "all"},
    "render_report": PAGE,
    "render_paper": set(),  # made on demand
    "compile_paper": set(),
    "pack_bundle": set(),
    "ask_runs": set(),  # a tool for people
}

MODULE_EDITS = {
    "scoring/scorers.py, which hold the extractors": evaluated(rules=SCORED) | repeated(rules=SCORED) | COMPARED,
    "scoring/rewards.py, which are metrics too": trained("grpo")
    | evaluated(rules=SCORED)
    | repeated(rules=SCORED)
    | COMPARED
    | REWARDS,
    "training/sft.py": SFT | COMPARED | CURVES | trained("grpo") | REWARDS,
    "training/grpo.py": trained("grpo") | COMPARED | REWARDS,
    "training/shared.py": LEARNT,
    "models/positions.py": CHECKED | PAGE,
    "models/context_length.py, which each job asks": LEARNT | CHECKED | evaluated() | repeated() | drifted(),
    "models/settling.py": retemplated(),
    "models/modelcard.py": carded(*METHODS) | {"all"},
    "evaluation/generation.py": evaluated(rules=JUDGED) | repeated(rules=JUDGED) | COMPARED,
    "evaluation/losses.py": evaluated(rules=LOSSES) | repeated(rules=LOSSES) | drifted() | COMPARED,
    "evaluation/drift.py": drifted() | COMPARED,
    "data/splits.py": prepared("support") | prepared("sums"),
    "data/contamination.py": OVERLAP | COMPARED,
    "config/formats.py, by which rows are read": prepared("support") | prepared("sums"),
    "sources/models.py": remodelled(),
    "sources/pypi_model.py": remodelled(),
    "sources/hub_model.py, which no model comes from": set(),
    "sources/tables.py": {"fetch_dataset support", "fetch_dataset sums"} | prepared("support") | prepared("sums"),
    "sources/pypi_table.py": {"fetch_dataset support"} | prepared("support"),
    "sources/generated_table.py": {"fetch_dataset sums"} | prepared("sums"),
    "sources/hub_table.py, which no data set comes from": set(),
    "sources/hub.py, which says how the Hub is reached": set(),
    "comparison/estimates.py": COMPARED,
    "comparison/verdicts.py": COMPARED,
    "comparison/budgets.py": COMPARED,
    "config/completions.py, by which the page counts too": COMPARED,
    "reporting/latex.py": {"render_tables", "all"},
    "reporting/contrast_figures.py": {"plot_figure contrasts"} | PAGE,
    "reporting/wordings.py, which translates": FIGURES | {"render_tables"} | PAGE,
    "reporting/headlines.py, which say what figures show": FIGURES | PAGE,
    "reporting/learning_figures.py, whose curves others draw as well": CURVES | REWARDS | PAGE,
    "reporting/training_figures.py": REWARDS | PAGE,
    "reporting/task_figures.py": {"plot_figure tasks", "plot_figure gains"} | PAGE,
    "reporting/report.py": PAGE,
    "records.py, which every stage uses": EVERYTHING,
    "models/merging.py, whose output no target promises": set(),
    "evaluation/asking.py, which no stage uses": set(),
    "config/loading.py, which decides no result": set(),
    "errors.py, which are sentences": set(),
    "jobs/job.py, which carries values": set(),
    "jobs/keeping.py, which carries files": set(),
    "jobs/jobcards.py, which notes what was done": set(),
}


@pytest.mark.parametrize("edit", CONFIG_EDITS)
def test_a_config_edit_asks_for_the_stages_that_depend_on_it(finished, edit):
    overlay, expected = CONFIG_EDITS[edit]
    with changed_config(finished, overlay):
        assert plan(finished) == expected


@pytest.mark.parametrize("script", SCRIPT_EDITS)
def test_an_edit_of_a_script_asks_for_its_rule_and_what_follows(finished, script):
    with appended(finished / f"scripts/{script}.py", "\n\ndef stranger():\n    return 1\n"):
        assert plan(finished) == SCRIPT_EDITS[script]


def test_every_script_of_a_rule_is_in_the_table():
    scripts = {path.stem for path in (PROJECT / "scripts").glob("*.py")}
    assert set(SCRIPT_EDITS) <= scripts
    own = {rule.split()[0] for rule in EVERYTHING} - {"all", "generate_repeats", "measure_repeats", "score_repeats"}
    assert own <= set(SCRIPT_EDITS)


@pytest.mark.parametrize("edit", MODULE_EDITS)
def test_an_edit_of_a_module_asks_for_the_stages_that_run_it(finished, edit):
    with appended(finished / "scripts/tunelab" / edit.partition(",")[0], "\n\ndef stranger():\n    return 1\n"):
        assert plan(finished) == MODULE_EDITS[edit]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("reports/report.css", "body", "/* larger */ body", {"render_report", "all"}),
        ("reports/report_cost.html.j2", "{% endif %}", "{% endif %} ", {"render_report", "all"}),
        ("reports/zh.po, which a page in English does without", "# ", "#  ", set()),
        ("reports/known_results.yaml", "low: 0.80", "low: 0.75", COMPARED),
        ("reports/coverage.json", '"studies": 1000', '"studies": 999', COMPARED),
        ("config/neutral/english.txt", "the", "thee", drifted() | COMPARED),
        ("rules/train.smk", "rule train_sft:", "# a comment\nrule train_sft:", set()),
        ("rules/compare.smk, whose inputs the page names", "asked=[", "questions=[", {"render_report", "all"}),
        ("profiles/default/config.yaml", "keep-going: true", "keep-going: false", set()),
    ],
)
def test_an_edit_of_a_text_asks_for_the_page_at_most(finished, file, old, new, expected):
    path = finished / file.partition(",")[0]
    count = path.read_text(encoding="utf-8").count(old)
    assert count
    with changed_file(path, old, new, count):
        assert plan(finished) == expected


def test_comments_and_docstrings_ask_for_nothing(finished):
    with contextlib.ExitStack() as edits:
        for name in ("train_sft.py", "tunelab/training/sft.py", "tunelab/scoring/scorers.py", "tunelab/records.py"):
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
        "sacrebleu": evaluated(rules=SCORED) | repeated(rules=SCORED) | COMPARED,
        "peft": LEARNT | evaluated() | repeated() | drifted() | {"inspect_model smollm2"},
        "jinja2": {"render_report", "all"},
        "bitsandbytes": set(),
    }.items():
        with installed_package(finished / "scripts", package):
            assert plan(finished) == expected, package


def test_a_trained_run_is_listed_for_every_method():
    assert set(METHODS) == set(RUNS) - {"base"}


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
