"""The schema with which editors check configs, for entries that are `like` others."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.unit.config.default_config import FOLDER, lay

SCHEMA = json.loads((Path(__file__).parents[3] / "config/schema.json").read_text(encoding="utf-8"))


def is_accepted(overlay):
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(lay(overlay)[0])


def test_a_study_of_such_entries_is_accepted():
    assert is_accepted((FOLDER / "controls.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "overlay",
    [
        "runs: {mine: {like: lora, label: M, adapter: {r: 64}}}",
        "runs: {mine: {like: lora, label: M, adapter: }}",
        "runs: {mine: {like: grpo, label: M, rewards: {shuffle_gold: true}}}",
        "runs: {mine: {like: grpo, label: M, method: rloo}}",
        "tasks: {mine: {like: sums, label: M, generation: {batch_size: 8}, sampling: {rows: 8}}}",
        "datasets: {mine: {like: sums, fetch: {rows: 100}, prepare: {test: 50}}}",
        "datasets: {mine: {like: sums}}",
    ],
)
def test_what_is_taken_over_may_be_left_out(overlay):
    assert is_accepted(overlay)


@pytest.mark.parametrize(
    "overlay",
    [
        "runs: {mine: {label: M, adapter: {r: 64}}}",
        "runs: {mine: {like: lora}}",
        "runs: {mine: {like: 3, label: M}}",
        "runs: {mine: {like: lora, label: M, adaptor: {r: 64}}}",
        "runs: {mine: {like: grpo, label: M, rewards: {set: fixt}}}",
        "runs: {mine: {like: grpo, label: M, rewards: {weights: {}}}}",
        "tasks: {mine: {like: sums, label: M, generation: {max_new_token: 8}}}",
        "datasets: {mine: {fetch: {rows: 100}}}",
        "models: {mine: {like: smollm2}}",
    ],
)
def test_anything_else_is_not(overlay):
    assert not is_accepted(overlay)
