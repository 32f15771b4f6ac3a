"""How many completions reinforcement learning draws: tests/unit/training counts those of real trainings."""

import pytest

from tunelab.config.completions import count_completions, count_of_step

EIGHT = {"per_device_train_batch_size": 8, "num_generations": 8}


def build_run(method="grpo", **training):
    return {"method": method, "training": training}


@pytest.mark.parametrize(
    ("training", "of_step", "completions"),
    [
        ({}, 8, 160),  # TRL's own defaults
        ({"gradient_accumulation_steps": 2}, 16, 320),
        ({"gradient_accumulation_steps": 8}, 64, 1280),
        ({"gradient_accumulation_steps": 2, "num_iterations": 2}, 16, 160),  # each completion is learnt from twice
        ({"steps_per_generation": 3}, 8, 168),  # of the last draw a part is left
        ({"generation_batch_size": 24}, 8, 168),
        ({"gradient_accumulation_steps": 4, "steps_per_generation": 2}, 32, 640),
    ],
)
def test_completions_are_counted_by_the_settings_of_a_run(training, of_step, completions):
    run = build_run(**EIGHT, **training)
    assert (count_of_step(run), count_completions(run, 20), count_completions(run, 20, 240)) == (
        *(of_step, completions, completions),
    )


def test_the_last_step_of_an_epoch_learns_from_what_is_left_of_its_draws():
    run = build_run(**EIGHT, gradient_accumulation_steps=2, steps_per_generation=1)
    # three questions are three draws, so the second step of an epoch has one of them
    assert count_completions(run, 4, 3) == 2 * 3 * 8
    assert count_completions(run, 5, 3) == 2 * 3 * 8 + 2 * 8
    assert count_completions(run, 4) == 4 * 2 * 8


def test_questions_that_fill_no_draw_are_left_out_of_an_epoch():
    run = build_run(**EIGHT, gradient_accumulation_steps=3, steps_per_generation=2)
    # five questions make two draws of two questions: four micro-batches, which are a step of three and one of one
    assert count_completions(run, 2, 5) == 2 * 16


def test_each_trainer_has_defaults_of_its_own():
    uneven = {"gradient_accumulation_steps": 3, "steps_per_generation": 1}
    # of nine questions GRPO draws eight answers each, in nine batches; RLOO draws two each, in two batches
    assert count_completions(build_run("grpo", **uneven), 2, 9) == 2 * 3 * 8
    assert count_completions(build_run("rloo", **uneven), 2, 9) == 2 * 2 * 8
