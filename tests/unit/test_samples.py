import pyarrow.parquet as pq
from results_factory import build_study, write_results
from run_factory import REWARDS

from tunelab.samples import build_completions, choose_sums, choose_texts
from tunelab.study import Study


def test_questions_are_chosen_by_how_many_runs_are_right():
    right = {"a": [1, 1], "b": [1, 0], "c": [0, 0], "d": [0, 1], "e": [1, 0], "f": [0, 0]}
    chosen = choose_sums({item: [{"strict": bool(one)} for one in ones] for item, ones in right.items()})
    assert [item for _, item in chosen] == ["b", "d", "c", "a"]


def test_texts_are_chosen_by_likeness_and_none_twice():
    likeness = {"low": [0.1, 0.1], "mid": [0.4, 0.4], "wide": [0.0, 0.9], "top": [0.8, 0.9], "fair": [0.5, 0.5]}
    chosen = choose_texts({item: [{"rouge_l": one} for one in ones] for item, ones in likeness.items()})
    assert [item for _, item in chosen] == ["top", "wide", "low"]
    assert choose_texts({"only": [{"rouge_l": 0.5}]}) == [("best average likeness to the reference", "only")]


def test_the_first_and_the_last_step_of_grpo_are_shown_in_the_order_drawn(tmp_path):
    study = Study(tmp_path, write_results(tmp_path, build_study(), rows=4))
    rows = pq.read_table(tmp_path / "runs/grpo/seed1/completions.parquet").to_pylist()
    steps = build_completions(study, "grpo")
    assert [step["step"] for step in steps] == [1, 20]
    for step in steps:
        own = [row for row in rows if row["step"] == step["step"]]
        assert step["drawn"] == len(own) == 8
        assert step["mean_reward"] == sum(row["reward"] for row in own) / 8
        assert [row["completion"] for row in step["completions"]] == [row["completion"] for row in own[:3]]
        assert list(step["completions"][0]["parts"]) == list(REWARDS)
