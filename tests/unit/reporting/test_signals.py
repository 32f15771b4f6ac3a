"""What the page sets beside each other: what training said of preferences, and what the run then answered."""

import pytest

from tests.unit.comparison.results_factory import METHODS, build_study
from tests.unit.reporting.page_factory import prepare_study, render_page
from tunelab.records import read_json, write_json
from tunelab.reporting.completions import is_collapsed, summarise_end

WORSE, SAME = {"verdict": "worse"}, {"verdict": "undecided"}


def log(step, **values):
    return {"step": step, "loss": 1.0} | {f"rewards/{name}": value for name, value in values.items()}


def test_the_end_of_a_training_is_its_last_fifth():
    history = [log(step, chosen=float(step), rejected=0.0) for step in range(1, 11)]
    history.append({"step": 10, "eval_loss": 2.0, "eval_rewards/chosen": 99.0})
    found = summarise_end(history)
    assert found == {"chosen": 9.5, "rejected": 0.0, "margins": None, "accuracies": None}


def test_a_step_without_one_of_the_labels_does_not_count_for_it():
    assert summarise_end([log(1, chosen=1.0), log(2, rejected=-1.0)])["rejected"] == -1.0
    assert summarise_end([log(1, chosen=1.0)])["rejected"] is None


@pytest.mark.parametrize(
    ("chosen", "rejected", "against", "collapsed"),
    [
        (-0.5, -2.0, WORSE, True),
        (-0.5, -2.0, SAME, False),
        (0.1, -2.0, WORSE, False),
        (-0.5, None, WORSE, False),
        (-0.5, -2.0, None, False),
    ],
)
def test_a_run_collapsed_if_both_answers_became_less_likely_and_its_own_worse(chosen, rejected, against, collapsed):
    assert is_collapsed({"chosen": chosen, "rejected": rejected}, against) is collapsed


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The folder of a study with a collapsed run and a student, and its config."""
    root = tmp_path_factory.mktemp("methods")
    return root, prepare_study(root, build_study(runs=tuple(METHODS), seeds=(1, 2, 3)), rows=48)


@pytest.fixture(scope="module")
def page(compared):
    return render_page(*compared)


def test_the_page_names_a_collapse_where_it_shows_the_run_and_among_the_threats(page):
    assert page.html.count('<span class="badge">collapsed</span>') == 3
    assert page.words.count("Collapse. DPO (seed") == 3


def test_learnt_preferences_are_not_held_against_pairs_where_no_task_has_any(page):
    assert "Pairs told apart" in page.words and "Held-out pairs" not in page.words


def test_the_page_tells_the_share_of_the_teachers_gain(page):
    assert "Share of the teacher's gain over the student's start" in page.words
    assert "these rows do not show that the teacher gained anything" not in page.words


def test_the_page_says_so_where_the_teacher_gained_nothing(compared, page):
    root, study = compared
    results = read_json(root / "results.json")
    results["recovered"][0]["share"] = None
    write_json(root / "results.json", results)
    words = render_page(root, study).words
    assert "none: these rows do not show that the teacher gained anything" in words
    assert page_help(words) == ["Preference learning makes", "Distillation: the student"]


def test_runs_that_were_trained_in_smaller_micro_batches_are_named(compared):
    root, study = compared
    assert "Smaller micro-batches" not in render_page(root, study).words
    for seed in (1, 2):
        summary = root / "runs" / "dpo" / f"seed{seed}" / "training.json"
        write_json(summary, read_json(summary) | {"micro_batch": 4})
    words = render_page(root, study).words
    assert words.count("Smaller micro-batches. DPO ran out of memory with the micro-batches of the config") == 1
    assert "micro_batch4" in words  # the cells before it are empty


def page_help(words):
    return [
        start
        for start in ("Preference learning makes", "KTO has no pairs", "Distillation: the student")
        if start in words
    ]
