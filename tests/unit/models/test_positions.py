"""What a study sends a model fits its positions, or is told of before any work."""

import pytest

from tunelab import records
from tunelab.errors import UserError
from tunelab.models.context_length import check_rows, count_positions
from tunelab.models.positions import check_positions

LENGTHS = {
    "train": {"total": [300, 90], "prompt": [250, 40]},
    "validation": {"total": [120], "prompt": [60]},
    "test": {"total": [200, 80], "prompt": [150, 30]},
}
SENT = {
    "runs": {
        "lora": {"dataset": "chat", "max_length": 256, "completion": None, "virtual": 0},
        "prefix": {"dataset": "chat", "max_length": None, "completion": None, "virtual": 20},
        "grpo": {"dataset": "chat", "max_length": 1024, "completion": 64, "virtual": 0},
    },
    "tasks": {
        "short": {"dataset": "chat", "max_new_tokens": 10, "virtual": 20},
        "long": {"dataset": "chat", "max_new_tokens": 96, "virtual": 20},
    },
    "compared": True,
}
NEEDED = {"runs.lora": 256, "runs.prefix": 320, "runs.grpo": 314, "tasks.short": 220, "tasks.long": 266}


def test_what_is_needed_counts_prompts_answers_and_virtual_tokens():
    checked = check_positions({"max_position_embeddings": 320}, SENT, {"chat": LENGTHS}, "models.m")
    assert checked == {"positions": 320, "needed": NEEDED}
    assert check_positions({}, SENT, {"chat": LENGTHS}, "models.m") == {"positions": None, "needed": NEEDED}


def test_too_few_positions_are_a_sentence_that_names_who_needs_more():
    with pytest.raises(UserError) as refusal:
        check_positions({"n_positions": 300}, SENT, {"chat": LENGTHS}, "models.m")
    assert str(refusal.value).startswith(
        "models.m: the model has 300 positions, and runs.prefix needs 320 (line 1 of "
        "datasets/chat/train_dataset.json), runs.grpo needs 314 (line 1 of datasets/chat/train_dataset.json). Lower a "
    )


def test_an_adapters_virtual_tokens_stand_before_a_drawn_answer_too():
    drawing = {"dataset": "chat", "max_length": 1024, "completion": 64, "virtual": 20}
    sent = {"runs": {"grpo": drawing}, "tasks": {}, "compared": True}
    assert check_positions({}, sent, {"chat": LENGTHS}, "models.m")["needed"] == {"runs.grpo": 250 + 64 + 20}


def test_a_rejected_answer_of_a_held_out_pair_is_sent_as_well():
    task = {"dataset": "chat", "max_new_tokens": 10, "virtual": 0}
    tokens = {"chat": LENGTHS | {"test": LENGTHS["test"] | {"rejected": [90, 410]}}}
    found = check_positions({}, {"runs": {}, "tasks": {"pairs": task}, "compared": True}, tokens, "models.m")
    assert found["needed"] == {"tasks.pairs": 410}


@pytest.mark.parametrize(("virtual", "needed"), [(0, 301), (20, 321)])
def test_a_job_names_its_longest_row_that_does_not_fit(tmp_path, virtual, needed):
    records.write_json(tmp_path / "config.json", {"n_positions": 300})
    rows = [{"id": name} for name in ("short", "long", "longer")]
    said = rf"has 300 positions, and row longer needs {needed}\. Lower a run's"
    with pytest.raises(UserError, match=said):
        check_rows(tmp_path, rows, [40, 300, 301], virtual)
    check_rows(tmp_path, rows, [40, 300 - virtual, 1], virtual)


def test_a_model_that_says_nothing_of_positions_takes_every_row(tmp_path):
    records.write_json(tmp_path / "config.json", {"model_type": "mamba"})
    check_rows(tmp_path, [{"id": "long"}], [10**6])


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"max_position_embeddings": 2048}, 2048),
        ({"n_positions": 1024, "n_ctx": 1024}, 1024),
        ({"text_config": {"max_position_embeddings": 512}, "max_position_embeddings": 64}, 512),
        (
            {
                "max_position_embeddings": 131072,
                "rope_scaling": {"factor": 8.0, "original_max_position_embeddings": 8192},
            },
            131072,
        ),
        (
            {
                "max_position_embeddings": 4096,
                "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096},
            },
            16384,
        ),
        ({"model_type": "mamba"}, None),
    ],
)
def test_positions_are_read_from_every_kind_of_config(config, positions):
    assert count_positions(config) == positions


def test_a_task_of_one_row_is_told_before_any_work_if_runs_are_compared():
    alone = LENGTHS | {"test": {"total": [200], "prompt": [150]}}
    with pytest.raises(UserError, match=r"tasks\.short: there is one row to answer, and one row compares no runs"):
        check_positions({}, SENT, {"chat": alone}, "models.m")
    assert check_positions({}, SENT | {"compared": False}, {"chat": alone}, "models.m")["needed"] == NEEDED


def test_a_rejected_answer_counts_for_who_learns_from_it():
    lengths = LENGTHS | {"train": LENGTHS["train"] | {"rejected": [180, 400]}}
    plain = {"dataset": "chat", "max_length": 1024, "completion": None, "virtual": 0}
    sent = {"runs": {"sft": plain, "dpo": plain | {"rejected": True}}, "tasks": {}, "compared": True}
    checked = check_positions({}, sent, {"chat": lengths}, "models.m")
    assert checked["needed"] == {"runs.sft": 300, "runs.dpo": 400}
