"""What the page tells of drawn answers: what they give to learn from, and what each run took."""

from tunelab import records
from tunelab.comparison.consumed import sum_seconds
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.completions import build_samples
from tunelab.reporting.page import is_control

SPEC = {
    "study": {"results": "results/x", "runs": ["start", "rft", "dpo", "later"], "seeds": [1, 2], "tasks": []},
    "samples": {
        "play": {"run": "start", "seeds": [1, 2]},
        "plain": {"run": "untouched", "seeds": [0]},
    },
    "runs": {
        "start": {"method": "sft"},
        "rft": {"method": "sft", "init_from": "start", "samples": "play"},
        "dpo": {"method": "dpo", "init_from": "start", "samples": "play"},
        "later": {"method": "sft", "samples": "plain"},
    },
}
TAKEN = {"rft": ["a", "b", "c"], "dpo": ["b", "c", "d"], "later": ["a"]}


def write_study(root):
    study = StudyFolder(root, SPEC)
    for number, (name, seed) in enumerate(study.list_drawings(), 1):
        records.write_json(study.samples_file(name, seed, "summary.json"), {"questions": 4, "seconds": 10.0 * number})
    for run, questions in TAKEN.items():
        for seed in (1, 2):
            taken = questions[:2] if (run, seed) == ("dpo", 2) else questions
            records.write_json(study.run_file(run, seed, "choice.json"), {"questions": taken, "rows": len(taken)})
    return study


def test_drawings_are_listed_with_whose_answers_they_are(tmp_path):
    found = build_samples(write_study(tmp_path))["drawings"]
    assert [(row["name"], row["seed"], row["source"]) for row in found] == [
        ("play", 1, "start"),
        ("play", 2, "start"),
        ("plain", 0, "untouched"),
    ]
    assert found[0]["questions"] == 4


def test_questions_in_common_are_of_runs_that_learnt_from_the_same_drawing(tmp_path):
    found = {(row["run"], row["seed"]): row["common"] for row in build_samples(write_study(tmp_path))["learners"]}
    assert found == {
        ("rft", 1): 2,
        ("rft", 2): 2,
        ("dpo", 1): 2,
        ("dpo", 2): 2,
        ("later", 1): 1,
        ("later", 2): 1,
    }


def test_a_study_without_drawn_answers_says_nothing_of_them(tmp_path):
    spec = {"study": SPEC["study"] | {"runs": ["start"]}, "runs": {"start": SPEC["runs"]["start"]}}
    assert build_samples(StudyFolder(tmp_path, spec)) == {}


def test_the_time_of_drawing_counts_for_each_run_that_learnt_from_it(tmp_path):
    study = write_study(tmp_path)
    trainings = {(run, seed): {"train_seconds": 100.0} for run in SPEC["study"]["runs"] for seed in (1, 2)}
    found = {(run, seed): sum_seconds(study, trainings, run, seed) for run, seed in trainings}
    assert found == {
        **{("start", 1): 100.0, ("start", 2): 100.0},
        **{("rft", 1): 210.0, ("rft", 2): 220.0, ("dpo", 1): 210.0, ("dpo", 2): 220.0},
        **{("later", 1): 130.0, ("later", 2): 130.0},
    }


def test_shuffled_pairs_are_a_control():
    assert is_control({"pairs": {"labels": "shuffled"}})
    assert is_control({"labels": "shuffled"}) and not is_control({"labels": "judged"})
    assert not is_control({"pairs": {"labels": "judged"}})


def test_a_run_that_is_rewarded_by_a_function_of_the_users_own_is_no_control():
    assert is_control({"rewards": {"weights": {"soft_format": 1.0}}})
    assert not is_control({"rewards": {"weights": {"correctness": 1.0}}})
    own = {"functions": {"mine": "my.py"}, "weights": {"mine": 1.0}}
    assert not is_control({"rewards": own})
    assert is_control({"rewards": own | {"shuffle_gold": True}})
