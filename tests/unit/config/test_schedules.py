"""What schedules, optimizers, reporters and mappings take is what the installed transformers takes."""

import inspect

import pytest
import torch
from transformers import trainer_optimizer
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION, GreedyLR, ReduceLROnPlateau
from transformers.trainer_pt_utils import AcceleratorConfig

from tunelab.config.fields import load_packages
from tunelab.config.inert_checks import IDLE, KEYS, OPTIM_ARGS
from tunelab.config.training_checks import SCHEDULES

GIVEN = {"self", "optimizer", "num_warmup_steps", "num_training_steps", "last_epoch", "kwargs"}
# schedules that hand on whatever they are given
BEHIND = {"reduce_lr_on_plateau": ReduceLROnPlateau.__init__, "greedy": GreedyLR.__init__}


def test_every_schedule_is_listed():
    assert {kind.value for kind in TYPE_TO_SCHEDULER_FUNCTION} == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_takes_what_is_listed(name):
    functions = {kind.value: function for kind, function in TYPE_TO_SCHEDULER_FUNCTION.items()}
    taken = set(inspect.signature(BEHIND.get(name, functions[name])).parameters) - GIVEN
    assert set(SCHEDULES[name]) == taken


def test_every_reporter_is_listed():
    assert set(load_packages()["report_to"]) == set(INTEGRATION_TO_CALLBACK)


@pytest.mark.parametrize("optimizer", OPTIM_ARGS)
def test_an_optimizer_reads_the_arguments_that_are_listed(optimizer):
    code = inspect.getsource(trainer_optimizer)
    name = "bitsandbytes_optimizer" if "ademamix" in optimizer else optimizer
    function = code[code.index(f"def _get_{name}(") :].partition("\ndef ")[0]
    assert all(f'"{argument}"' in function for argument in OPTIM_ARGS[optimizer])


def test_the_keys_of_mappings_are_those_that_the_libraries_take():
    assert {*KEYS["accelerator_config"], *IDLE} == set(inspect.signature(AcceleratorConfig).parameters)
    taken = set(inspect.signature(torch.utils.checkpoint.checkpoint).parameters) - {"function", "args", "kwargs"}
    # a function cannot stand in a config; `selective` is transformers' own, the other is taken by torch without a name
    own = {"selective", "preserve_rng_state"}
    assert set(KEYS["gradient_checkpointing_kwargs"]) == taken - {"context_fn"} | own
