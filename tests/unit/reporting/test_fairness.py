from tests.unit.comparison.results_factory import METHODS, build_study, write_results
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.cautions import build_fairness
from tunelab.reporting.tables import load_trainings


def build_rows(root, **options):
    study = StudyFolder(root, write_results(root, build_study(**options), rows=4))
    fairness = build_fairness(study, load_trainings(study))
    return fairness, {row["name"]: row for row in fairness["rows"]}


def test_effort_stands_side_by_side_and_differences_of_compared_runs_are_named(tmp_path):
    fairness, rows = build_rows(tmp_path)
    assert fairness["runs"] == ["lora", "prefix", "warmstart", "grpo"]
    assert rows["learning_rate"]["cells"] == [3e-4, 1e-2, 5e-4, 1e-5]
    assert rows["learning_rate"]["unequal"] == [("lora", "prefix")]
    assert rows["dataset"]["cells"] == ["tech", "tech", "sums", "sums"]
    assert rows["dataset"]["unequal"] == rows["steps"]["unequal"] == []


def test_a_run_is_not_held_against_the_one_it_started_from(tmp_path):
    _, rows = build_rows(tmp_path)
    assert rows["steps"]["cells"][2:] == [90, 20]
    assert all(pair != ("grpo", "warmstart") for row in rows.values() for pair in row["unequal"])


def test_a_study_without_trainings_has_no_table(tmp_path):
    fairness, _ = build_rows(tmp_path, runs=("base",))
    assert fairness == {"runs": [], "rows": []}


def test_answers_that_a_model_gave_for_a_training_are_counted(tmp_path):
    fairness, rows = build_rows(tmp_path, runs=tuple(METHODS))
    counts = dict(zip(fairness["runs"], rows["answers"]["cells"], strict=True))
    assert counts == {"warmstart": None, "grpo": 160, "dpo": 400, "distilled": None}
    assert rows["answers_of_step"]["cells"] == [None, 8, None, None]
    assert dict(zip(fairness["runs"], rows["rows"]["cells"], strict=True))["dpo"] == 40
    assert rows["teacher_tokens"]["cells"] == [None, None, None, 18_000]


def test_a_study_in_which_no_model_answered_for_a_training_has_no_such_line(tmp_path):
    assert {"answers", "answers_of_step", "teacher_tokens"}.isdisjoint(
        build_rows(tmp_path, runs=("base", "lora", "prefix"))[1]
    )
