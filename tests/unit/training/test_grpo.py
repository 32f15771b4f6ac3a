"""Reinforcement learning: what is recorded, what the reference is, and what is refused."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from trl import RLOOTrainer

from tests.unit.training.training_jobs import build_job
from tunelab import records
from tunelab.config.specs.training import CheckpointSettings, GrpoRun, Rewards, TrainingPlan
from tunelab.errors import UserError
from tunelab.models import adapters, publishing
from tunelab.training import grpo

LORA = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
GROUP, BATCH, LENGTH = 4, 8, 8
SHORT = {"max_steps": 2, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "num_generations": GROUP}
SHORT |= {"max_completion_length": LENGTH, "learning_rate": 1e-2, "beta": 0.05, "report_to": "none"}


@pytest.fixture(scope="module")
def start(train_sft, publish, qwen2, rows):
    """A warm start that has half learnt to stop after a letter or two."""
    taught = [
        {"id": row["id"], "messages": [row["messages"][0], {"role": "assistant", "content": "ab"[: 1 + index % 2]}]}
        for index, row in enumerate(rows)
    ]
    return publish(train_sft(qwen2, LORA, given=taught, max_steps=12))


@pytest.fixture(scope="module")
def train_grpo(tmp_path_factory, rows):
    """Return a function that trains with rewards that vary: the text's length, and whether it has an `a`."""

    def train(
        base,
        start=None,
        adapter=None,
        reward=None,
        dtype="float32",
        quantization=None,
        opposed=False,
        method="grpo",
        **settings,
    ):
        run, seen = SimpleNamespace(sampled=[]), []

        def length(prompts, completions, answer, completion_ids, **others):
            run.sampled += completion_ids
            seen.append(len(answer))
            run.lengths = [reward(len(seen)) if reward else float(len(turns[0]["content"])) for turns in completions]
            return run.lengths

        def letter(prompts, completions, answer, **others):
            if opposed:
                return [-4.0 * part for part in run.lengths]
            return [float(not reward and "a" in turns[0]["content"]) for turns in completions]

        weights = {"correctness": 1.0, "integer": 0.25}
        rewards = Rewards(weights=weights)
        fields = {"label": "Trial", "model": "tiny", "dataset": "sums", "rewards": rewards}
        spec = GrpoRun(method=method, **fields, adapter=adapter, quantization=quantization, training=SHORT | settings)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(grpo, "build_reward_functions", lambda spec: ([length, letter], list(weights.values())))
            folder = tmp_path_factory.mktemp("checkpoints")
            job = build_job(base, folder, spec, init_from=start, dtype=getattr(torch, dtype))
            run.trainer, run.history, run.costs = grpo.train(job, rows)
        run.recorded, run.model = run.trainer.recorded, run.trainer.model.eval()
        return run

    return train


@pytest.fixture(scope="module")
def run(train_grpo, qwen2, start):
    before = {file.name: records.hash_file(file) for file in start.iterdir()}
    made = train_grpo(qwen2, start)
    made.touched = [file.name for file in start.iterdir() if records.hash_file(file) != before[file.name]]
    return made


def split_groups(recorded):
    return [recorded[begin : begin + GROUP] for begin in range(0, len(recorded), GROUP)]


def test_every_completion_is_recorded_under_its_step_and_question(run, rows):
    assert [row["step"] for row in run.recorded] == [1] * BATCH + [2] * BATCH
    answers = {row["messages"][0]["content"]: row["answer"] for row in rows}
    for group in split_groups(run.recorded):
        assert len({row["prompt"] for row in group}) == 1
        assert {row["answer"] for row in group} == {answers[group[0]["prompt"]]}


def test_the_reward_is_the_weighted_sum_of_its_recorded_parts(run):
    for row in run.recorded:
        assert row["length"] == len(row["completion"])
        assert row["letter"] == float("a" in row["completion"])
        assert row["reward"] == pytest.approx(row["length"] + 0.25 * row["letter"])
    for row in run.history:
        rewards = [made["reward"] for made in run.recorded if made["step"] == row["step"]]
        assert row["reward"] == pytest.approx(sum(rewards) / len(rewards))


def test_advantages_compare_within_a_group(run):
    assert len({row["reward"] for row in run.recorded}) > 2
    for group in split_groups(run.recorded):
        assert sum(row["advantage"] for row in group) == pytest.approx(0, abs=1e-4)
        ranked = sorted(group, key=lambda row: row["reward"])
        assert [row["advantage"] for row in ranked] == sorted(row["advantage"] for row in group)


def test_leave_one_out_compares_each_answer_with_the_mean_of_the_others(train_grpo, qwen2, start):
    run = train_grpo(qwen2, start, method="rloo", beta=0.0)
    assert isinstance(run.trainer, RLOOTrainer)
    for group in split_groups(run.recorded):
        rewards = [row["reward"] for row in group]
        others = [(sum(rewards) - reward) / (GROUP - 1) for reward in rewards]
        expected = [reward - other for reward, other in zip(rewards, others, strict=True)]
        assert [row["advantage"] for row in group] == pytest.approx(expected, abs=1e-5)


def test_the_reward_of_leave_one_out_is_told_without_the_divergence_that_it_holds(train_grpo, qwen2, start):
    run = train_grpo(qwen2, start, method="rloo", beta=0.5, max_steps=4)
    assert run.history[-1]["kl"] != 0
    for row in run.history:
        rewards = [made["reward"] for made in run.recorded if made["step"] == row["step"]]
        assert row["reward"] == pytest.approx(sum(rewards) / len(rewards))


@pytest.mark.parametrize("mask_truncated", [False, True])
def test_tokens_and_truncation_are_those_of_what_was_sampled(train_grpo, qwen2, start, mask_truncated):
    run = train_grpo(qwen2, start, mask_truncated_completions=mask_truncated)
    tokenizer, end = run.trainer.processing_class, run.trainer.processing_class.eos_token_id
    assert [row["tokens"] for row in run.recorded] == [len(ids) for ids in run.sampled]
    assert [row["truncated"] for row in run.recorded] == [end not in ids for ids in run.sampled]
    texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids in run.sampled]
    assert [row["completion"] for row in run.recorded] == texts
    assert {row["truncated"] for row in run.recorded} == {True, False}
    assert all(row["tokens"] == LENGTH for row in run.recorded if row["truncated"])


def test_training_goes_on_from_the_start_and_leaves_it_untouched(run, start):
    before = load_file(start / "adapter_model.safetensors")
    after = {name.replace(".default", ""): weight for name, weight in adapters.list_trainable(run.model)}
    assert set(after) == set(before)
    changes = {name: (weight - before[name]).abs().max().item() for name, weight in after.items()}
    assert all(0 < change <= 0.021 for change in changes.values()), changes  # two steps of Adam at 0.01
    assert run.touched == []


def test_the_divergence_is_measured_from_the_warm_start(run):
    assert [row["step"] for row in run.history] == [1, 2]
    assert run.history[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert run.history[1]["kl"] > 1e-5
    assert all(row["tokens"] > 0 for row in run.history)


def test_the_reference_is_published_nowhere_and_counts_for_nothing(run, train_grpo, qwen2, start, tmp_path):
    card = {"model": "tiny", "source": {"source": "random"}, "revision": None, "licence": None}
    sizes = publishing.publish_weights(run.model, run.trainer.processing_class, tmp_path / "adapter", card)
    names = sorted(file.name for file in (tmp_path / "adapter").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"]
    assert sizes["saved_parameters"] == run.costs["trainable_parameters"]
    assert run.costs["total_parameters"] == train_grpo(qwen2, start, beta=0.0).costs["total_parameters"]


def test_without_a_weight_for_the_divergence_none_is_logged(train_grpo, qwen2, start):
    assert all("kl" not in row for row in train_grpo(qwen2, start, beta=0.0).history)


@pytest.mark.parametrize("case", ["new adapter", "4 bits", "4 bits from a start", "whole model", "from a whole model"])
def test_every_kind_of_weights_can_be_trained(case, train_grpo, train_sft, publish, qwen2, start):
    options = {
        "new adapter": {"adapter": LORA},
        "4 bits": {"adapter": LORA, "quantization": NF4, "dtype": "bfloat16"},
        "4 bits from a start": {"start": start, "quantization": NF4, "dtype": "bfloat16"},
        "whole model": {},
        "from a whole model": {"start": None},
    }[case]
    if case == "from a whole model":
        options["start"] = publish(train_sft(qwen2, None))
    run = train_grpo(qwen2, **options)
    assert len(run.recorded) == 2 * BATCH
    assert {weight.dtype for _, weight in adapters.list_trainable(run.model)} == {torch.float32}
    assert run.history[0]["kl"] == pytest.approx(0, abs=1e-3)
    assert run.costs["trainable_parameters"] > 0


def test_what_cannot_be_taken_up_again_is_said(run, monkeypatch):
    assert run.trainer.describe_lost() == ""
    monkeypatch.setattr(run.trainer, "use_vllm", True)
    assert run.trainer.describe_lost().startswith("; vLLM's random state is not kept")


@pytest.mark.parametrize("reward", [0.0, 0.3])
def test_rewards_that_never_differ_within_a_group_are_an_error(train_grpo, qwen2, reward):
    many = {"num_generations": 8, "per_device_train_batch_size": 8}
    with pytest.raises(
        UserError, match=rf"All 32 completions .* \(highest reward {reward:g}\), .* nothing is published"
    ):
        train_grpo(qwen2, adapter=LORA, reward=lambda call: reward, **many)


def test_fewer_questions_than_a_batch_asks_are_told_before_anything_is_generated(train_grpo, qwen2):
    many = {"num_generations": 2, "per_device_train_batch_size": 16}
    with pytest.raises(
        UserError, match=r"asks 16 questions \(32 completions, 2 to each\), but there are 12 to train on"
    ):
        train_grpo(qwen2, adapter=LORA, **many)


def test_completions_that_are_all_cut_and_masked_are_told_as_that(train_grpo, qwen2):
    with pytest.raises(UserError, match=r"All 16 completions were cut at 2 tokens .*mask_truncated_completions: false"):
        train_grpo(qwen2, adapter=LORA, max_completion_length=2, mask_truncated_completions=True)


def test_rewards_that_differ_in_a_part_alone_teach_something_if_each_part_is_compared(train_grpo, qwen2):
    def learn(aggregation):
        seen = []

        def give(call):  # the two parts of the recorded reward cancel out
            seen.append(call)
            return len(seen) % 2

        return train_grpo(qwen2, adapter=LORA, reward=give, opposed=True, multi_objective_aggregation=aggregation)

    with pytest.raises(UserError, match="rewarded like the others of their group"):
        learn("sum_then_normalize")
    assert len({row["advantage"] for row in learn("normalize_then_sum").recorded}) > 1


def test_another_error_is_not_hidden_by_rewards_that_did_not_differ_so_far(train_grpo, qwen2):
    def fail_later(call):
        if call > 1:
            raise RuntimeError("the disk is full")
        return 0.0

    with pytest.raises(RuntimeError, match="the disk is full"):
        train_grpo(qwen2, adapter=LORA, reward=fail_later)


@pytest.mark.parametrize(("adapter", "expected"), [(None, torch.float32), (LORA, torch.bfloat16)])
def test_a_whole_model_is_trained_from_float32(monkeypatch, train_grpo, qwen2, adapter, expected):
    loaded, load = [], adapters.load_base_model
    monkeypatch.setattr(adapters, "load_base_model", lambda *given: loaded.append(given[2]) or load(*given))
    train_grpo(qwen2, adapter=adapter, dtype="bfloat16", max_steps=1, learning_rate=1e-2, warmup_steps=0)
    assert loaded == [expected]


def test_a_run_without_differing_rewards_publishes_nothing(tmp_path, qwen2, start, rows):
    from train_grpo import main

    records.write_jsonl(tmp_path / "train.jsonl", rows)
    records.write_json(qwen2.parent / "card.json", {"model": "tiny"})
    rewards = Rewards(weights={"correctness": 1.0})  # no random model says `<answer>`
    fields = {"label": "Trial", "model": "tiny", "dataset": "sums", "rewards": rewards, "init_from": "warmstart"}
    outputs = {name: tmp_path / "out" / name for name in ("history", "completions", "summary", "tensorboard", "points")}
    with pytest.raises(UserError, match="so there was nothing to learn from"):
        main(
            card=qwen2.parent / "card.json",
            precision=qwen2.parent / "precision.json",
            template=qwen2.parent / "chat_template.jinja",
            train=tmp_path / "train.jsonl",
            start=[start / "adapter_model.safetensors"],
            settings=[],
            consumed=[],
            weights=tmp_path / "out" / "adapter" / "adapter_model.safetensors",
            **outputs,
            checkpoints=tmp_path / "checkpoints",
            seed="0",
            spec=GrpoRun(method="grpo", **fields, training=SHORT),
            plan=TrainingPlan(CheckpointSettings()),
        )
    assert not (tmp_path / "out").exists()


def test_a_models_own_decoding_does_not_reach_what_is_rewarded(train_grpo, create_tiny, tmp_path):
    # a type that generates by itself, not by the packed loop, which takes nothing from the model's own config
    plain, odd = create_tiny("gemma"), tmp_path / "odd"
    shutil.copytree(plain, odd)
    config = records.read_json(odd / "generation_config.json")
    own = {"suppress_tokens": list(range(200)), "min_new_tokens": 3, "no_repeat_ngram_size": 2}
    records.write_json(odd / "generation_config.json", config | own)
    one, other = (train_grpo(folder, adapter=LORA, max_steps=1) for folder in (plain, odd))
    assert "generate" in one.costs["decoding"]
    assert one.sampled == other.sampled
    whole = train_grpo(odd, adapter=None, max_steps=1)
    assert whole.model.generation_config.no_repeat_ngram_size == 2  # as it is published


def test_shuffled_answers_change_places_and_nothing_else():
    rows = [{"messages": [{"role": "user", "content": f"{i}?"}, {}], "answer": str(i)} for i in range(20)]
    plain, shuffled, again = (grpo.build_dataset(rows, *how) for how in ((False, 1), (True, 1), (True, 1)))
    assert plain["answer"] == [str(i) for i in range(20)]
    assert shuffled["prompt"] == plain["prompt"] == [[{"role": "user", "content": f"{i}?"}] for i in range(20)]
    assert sorted(shuffled["answer"]) == sorted(plain["answer"])
    assert shuffled["answer"] == again["answer"] != plain["answer"]
    assert grpo.build_dataset(rows, True, 2)["answer"] != shuffled["answer"]
