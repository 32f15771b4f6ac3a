"""What runs consumed: by themselves, and with what they began from."""

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab.comparison.consumed import list_consumed
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_json, write_json
from tunelab.reporting.tables import load_trainings

RUNS = ("base", "warmstart", "lora", "grpo", "dpo", "distilled")


@pytest.fixture
def find(tmp_path):
    def find(runs=RUNS, seeds=(1,), change=None):
        study = StudyFolder(tmp_path, write_results(tmp_path, build_study(runs, seeds=seeds), rows=4))
        if change:
            change(study)
        return {(row.run, row.seed): row for row in list_consumed(study, load_trainings(study))}

    return find


def test_own_work_is_the_sum_of_its_parts(find):
    row = find()["grpo", 1]
    assert set(row.parts) == {"training", "drawing", "reference"}
    assert row.own.flops == sum(row.parts.values()) == 8e9 * 900 * 20
    assert (row.own.tokens, row.own.completions) == (3 * 900 * 20, 2560)


def test_alone_a_run_pays_for_its_start_its_drawn_answers_and_its_teacher_once(find):
    found = find()
    own = {run: found[run, 1].own for run in RUNS[1:]}
    assert found["warmstart", 1].alone == own["warmstart"]
    assert found["grpo", 1].alone.flops == own["grpo"].flops + own["warmstart"].flops
    # the answers that dpo learns were drawn by its start
    assert found["dpo", 1].alone.flops == own["dpo"].flops + own["warmstart"].flops + 9_000_000_000_000
    assert found["dpo", 1].alone.completions == 400
    # its teacher is grpo, and both began from the same start
    taught = own["distilled"].seconds + own["grpo"].seconds + own["warmstart"].seconds
    assert found["distilled", 1].alone.seconds == pytest.approx(taught)


def test_nothing_is_said_alone_where_an_origin_is_not_in_the_study(find):
    found = find(runs=("base", "grpo"))
    assert found["grpo", 1].alone is None
    assert found["grpo", 1].own.completions == 2560


def test_several_seeds_have_a_mean(find):
    found = find(seeds=(1, 2))
    each = [found["lora", seed].own.seconds for seed in (1, 2)]
    assert found["lora", None].own.seconds == pytest.approx(sum(each) / 2)
    assert found["lora", None].seeds == 2 and len(found["lora", None].sources) == 2


def test_utilisation_is_a_share_of_the_measured_rate_without_validation(find):
    def slow(study):
        file = study.run_file("lora", 1, "training.json")
        more = {"flops": {"training": 10**12, "validation": 10**15}, "train_seconds": 2.0}
        write_json(file, read_json(file) | more)

    rate = 2 * 1024 * 576 * 1536 / 0.003
    assert find(change=slow)["lora", 1].utilisation == pytest.approx(0.5e12 / rate)
    # shared by two processes, whose products were not measured
    assert find()["grpo", 1].utilisation is None
