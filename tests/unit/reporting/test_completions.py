import pyarrow.parquet as pq

from tests.unit.comparison.results_factory import build_study, write_results
from tests.unit.comparison.run_factory import REWARDS
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.completions import build_completions


def test_the_first_and_the_last_step_of_grpo_are_shown_in_the_order_drawn(tmp_path):
    study = StudyFolder(tmp_path, write_results(tmp_path, build_study(), rows=4))
    rows = pq.read_table(tmp_path / "runs/grpo/seed1/completions.parquet").to_pylist()
    steps = build_completions(study, "grpo")
    assert [step["step"] for step in steps] == [1, 20]
    for step in steps:
        own = [row for row in rows if row["step"] == step["step"]]
        assert step["drawn"] == len(own) == 8
        assert step["mean_reward"] == sum(row["reward"] for row in own) / 8
        assert [row["completion"] for row in step["completions"]] == [row["completion"] for row in own[:3]]
        assert list(step["completions"][0]["parts"]) == list(REWARDS)
