"""Each slice holds what its stage depends on, and an edit elsewhere does not reach it."""

import pytest

from tests.unit.config.default_config import load
from tunelab.config.study import Study
from tunelab.jobs.slices import Slices

SENT = "tasks: {sums: {generation: {max_new_tokens: 7}}}"
STUDY_SLICES = (
    "whole",
    "drift",
    "compared",
    "labels",
    "drawn_costs",
    "drawn_curves",
    "drawn_rewards",
    "drawn_forgetting",
)
DRAWN = ("drawn_costs", "drawn_forgetting")  # what shows labels of runs and tasks
PLAIN = Slices(load({}))


def list_changed(overlay: str) -> set[str]:
    edited = Slices(load(overlay))
    return {name for name in STUDY_SLICES if getattr(edited, name) != getattr(PLAIN, name)}


@pytest.mark.parametrize(
    ("overlay", "changed"),
    [
        ("study: {title: Another}", set()),
        ("study: {smoke: true}", {"compared"}),
        ("study: {seeds: [1, 2]}", {"compared", "labels", *DRAWN, "drawn_curves", "drawn_rewards"}),
        ("runs: {lora: {label: Another}}", {"labels", *DRAWN, "drawn_curves"}),
        ("runs: {grpo: {label: Another}}", {"labels", *DRAWN, "drawn_rewards"}),
        ("runs: {lora: {training: {learning_rate: 1.0e-5}}}", set()),
        ("runs: {grpo: {rewards: {weights: {integer: 2}}}}", {"drawn_rewards"}),
        ("runs: {grpo: {training: {learning_rate: 1.0e-5}}}", set()),
        ("runs: {grpo: {training: {num_iterations: 2}}}", {"compared"}),
        ("tasks: {sums: {generation: {max_new_tokens: 7}}}", set()),
        ("tasks: {sums: {label: Another}}", {"labels", *DRAWN}),
        ("comparison: {margins: {loss: 0.5}}", {"compared"}),
        ("drift: {rows: 3}", {"drift"}),
        ("drift: {texts: [config/neutral/english.txt]}", {"drift", "compared", "drawn_forgetting"}),
        ("drift: ", {"drift", "compared", "drawn_forgetting"}),
        ("noise: ", {"compared"}),
        ("datasets: {sums: {prepare: {limit: 300}}}", set()),
    ],
)
def test_an_edit_reaches_the_slices_that_it_concerns(overlay, changed):
    assert list_changed(overlay) == {"whole"} | changed


def test_a_run_that_is_not_selected_is_in_no_slice_of_the_study():
    extra = "runs: {more: {method: base, label: More, model: smollm2}}"
    assert list_changed(extra) == set()
    assert Slices(load(extra)).run("more") == {"method": "base", "model": "smollm2"}


def test_rows_that_runs_behind_the_selected_ones_learnt_from_are_looked_at_as_well():
    overlay = """{study: {runs: [grpo], tasks: [support]}, runs: {
        first: {label: F, method: sft, model: smollm2, dataset: support, adapter: null, training: {max_steps: 5}},
        warmstart: {init_from: first, adapter: null}}}"""
    learnt = Study(Slices(load(overlay)).learnt)
    assert (learnt.runs, learnt.list_learnt()) == (["grpo", "warmstart", "first"], ["sums", "support"])


def test_a_trainings_slice_has_all_but_the_label_and_what_chose_its_rows():
    assert set(PLAIN.run("lora")) == {
        *("method", "model", "dataset", "precision", "adapter", "quantization", "training", "init_from")
    }
    assert PLAIN.run("lora")["adapter"]["r"] == 16


def test_a_tasks_slice_has_the_fields_that_are_asked_for():
    assert PLAIN.task("sums", {"kind"}) == {"kind": "maths"}
    assert PLAIN.task("sums", {"generation": {"do_sample", "seed"}}) == {"generation": {"do_sample": False, "seed": 0}}
    assert PLAIN.task("sums", {"generation"}, {"generation": {"seed"}})["generation"].keys().isdisjoint({"seed"})


def test_only_the_second_repeat_comes_in_batches_of_another_size():
    config = load("noise: {run: lora, batch_size: 3}")
    slices, task = Slices(config), config.tasks["sums"]
    again, rebatched = (slices.repeated_task(repeat, "sums") for repeat in ("again", "rebatched"))
    assert again == task
    assert (rebatched.generation.batch_size, rebatched.loss_batch_size) == (3, 3)
    sizes = {"generation": {"batch_size"}, "loss_batch_size": True}
    assert rebatched.model_dump(exclude=sizes) == task.model_dump(exclude=sizes)


def test_how_a_model_is_talked_to_does_not_say_which_one_it_is():
    edited = Slices(load("models: {smollm2: {system: fold, chat_template: plain, chat_template_kwargs: {a: 1}}}"))
    assert edited.fetched_model("smollm2") == PLAIN.fetched_model("smollm2")
    assert edited.chat("smollm2") == {"system": "fold", "chat_template": "plain", "chat_template_kwargs": {"a": 1}}
    assert set(PLAIN.fetched_model("smollm2")) & set(PLAIN.chat("smollm2")) == set()


def test_what_a_study_sends_a_model_is_told_by_run_and_task():
    sent = PLAIN.sent("smollm2")
    assert sent["runs"]["lora"] == {"dataset": "support", "max_length": 256, "completion": None, "virtual": 0}
    assert sent["runs"]["prefix"]["virtual"] == sent["tasks"]["sums"]["virtual"] == 20
    assert (sent["runs"]["grpo"]["completion"], sent["tasks"]["support"]["max_new_tokens"]) == (64, 64)
    assert sent["datasets"] == ["sums", "support"] and "base" not in sent["runs"]
    assert Slices(load(SENT)).sent("smollm2") != sent
    spare = "models: {spare: {source: local, path: x}}"
    assert Slices(load(spare)).sent("spare") == {"runs": {}, "tasks": {}, "datasets": [], "compared": True}


def test_completions_that_a_taught_run_draws_count_by_the_trainers_own_default():
    taught = "{method: distillation, label: M, model: smollm2, dataset: support, init_from: warmstart, teacher: grpo"
    for training, completion in (("{}", 512), ("{max_completion_length: 40}", 40)):
        overlay = f"{{study: {{runs: [base, mine]}}, noise: , runs: {{mine: {taught}, training: {training}}}}}}}"
        assert Slices(load(overlay)).sent("smollm2")["runs"]["mine"]["completion"] == completion


def test_processes_are_part_of_a_run_that_has_several_and_of_no_other():
    shared = Slices(load("runs: {grpo: {launch: {processes: 2}}}"))
    assert shared.run("grpo")["launch"] == {"processes": 2, "accelerate": "ddp"}
    assert not any("launch" in slices.run("lora") | slices.carded("lora") for slices in (PLAIN, shared))
    assert not any("launch" in run for run in PLAIN.whole["runs"].values())
