from tests.unit.config.default_config import load
from tunelab.config.study import Study


def describe(overlay) -> Study:
    return Study(load(overlay).describe_study())


def test_arms_are_runs_by_seeds_and_the_untouched_model_has_one():
    study = describe("study: {runs: [base, grpo, lora], seeds: [3, 1]}")
    assert study.list_arms() == [("base", 0), ("grpo", 3), ("grpo", 1), ("lora", 3), ("lora", 1)]
    assert study.list_arms(study.list_runs("sft")) == [("lora", 3), ("lora", 1)]
    assert study.list_trained() == ["grpo", "lora"]


def test_neutral_texts_are_named_by_their_files():
    assert describe({}).list_texts() == ["english", "chinese"]
    assert describe("drift: ").list_texts() == []


def test_the_untouched_run_is_one_of_the_same_model():
    other = "{models: {other: {source: local, path: other}}, runs: {base: {model: other}}}"
    assert describe({}).find_untouched("lora") == "base"
    assert describe(other).find_untouched("lora") is None


def test_tokens_are_counted_where_a_run_learns_or_answers():
    assert describe({}).list_token_pairs() == [("support", "smollm2"), ("sums", "smollm2")]
    assert describe("{study: {runs: [lora], tasks: [sums]}, noise: }").list_token_pairs() == [
        ("sums", "smollm2"),
        ("support", "smollm2"),
    ]
