"""Error messages shorten long texts, since code that raises an error may forget to."""

import pytest

from tunelab.errors import UserError


@pytest.mark.parametrize("count", [1, 3])
def test_a_long_line_loses_its_middle_and_keeps_place_and_remedy(count):
    line = f"runs.lora.label: {'x' * 9000} is too long; choose a short one."
    lines = str(UserError("\n".join([line] * count))).splitlines()
    assert len(lines) == count
    for shown in lines:
        assert shown.startswith("runs.lora.label: xx") and shown.endswith("is too long; choose a short one.")
        assert " … " in shown and len(shown) < 600


def test_a_message_of_usual_length_stays_as_it_is():
    message = "runs.lora: wrong.\n  " + "word " * 100
    assert str(UserError(message)) == message
