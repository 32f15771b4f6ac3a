"""What schedules and reporters take is what the installed transformers takes."""

import inspect

import pytest
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION, GreedyLR, ReduceLROnPlateau

from tunelab.config.field_classes import load_packages
from tunelab.config.schedule_checks import SCHEDULES

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
