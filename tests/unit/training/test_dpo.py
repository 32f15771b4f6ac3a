"""Preferences: the loss at the start, what the reference is, what is learnt, and what is refused."""

import math
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from tests.unit.training.preference_kinds import KINDS, LORA
from tests.unit.training.training_jobs import build_job
from tunelab.config.specs.training import DpoRun, KtoRun
from tunelab.errors import UserError
from tunelab.models import adapters, chat, publishing
from tunelab.training import dpo, kto, preference_training, shared

SHORT = {"max_steps": 3, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "report_to": "none"}
LOSSES = {
    "sigmoid": math.log(2),
    "hinge": 1.0,
    "ipo": 25.0,  # (0 - 1 / (2 * 0.1))²
    "robust": math.log(2),
    "apo_zero": 1.0,
    "sppo_hard": 50.0,  # (0 - 1 / (2 * 0.1))² twice
}


@pytest.fixture(scope="module")
def pairs(rows):
    return [
        {
            "id": row["id"],
            "messages": row["messages"][:1],
            "chosen": row["messages"][1],
            "rejected": {"role": "assistant", "content": "No" + " idea" * (index % 3)},
        }
        for index, row in enumerate(rows[:8])
    ]


@pytest.fixture(scope="module")
def train_dpo(tmp_path_factory, pairs):
    def train(base, adapter=None, start=None, given=pairs, dtype="float32", quantization=None, **settings):
        fields = {"label": "Trial", "model": "tiny", "dataset": "sums", "samples": "play", "quantization": quantization}
        spec = DpoRun(method="dpo", **fields, adapter=adapter, training=SHORT | settings)
        run = SimpleNamespace(spec=spec)
        folder = tmp_path_factory.mktemp("checkpoints")
        job = build_job(base, folder, spec, init_from=start, dtype=getattr(torch, dtype))
        run.trainer, run.history, run.costs = dpo.train(job, given)
        run.model = run.trainer.model.eval()
        return run

    return train


@pytest.fixture(scope="module")
def start(train_sft, publish, llama):
    return publish(train_sft(llama, LORA))


def sum_log_probs(model, tokenizer, row, side):
    """The answer's log-probability by a plain forward pass over the whole conversation."""
    item = chat.encode_conversation(tokenizer, [*row["messages"], row[side]])
    ids, mask = torch.tensor([item["input_ids"]]), torch.tensor(item["assistant_masks"]).bool()
    with torch.no_grad():
        scores = model(input_ids=ids).logits[:, -len(item["input_ids"]) :].log_softmax(-1)
    chosen = scores[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
    return chosen[mask[1:]].sum().item()


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_first_loss_is_log_2_with_no_margin_and_then_something_is_learnt(train_dpo, llama, kind):
    run = train_dpo(llama, KINDS[kind], max_steps=8, learning_rate=3e-2 if KINDS[kind] else 1e-3)
    first, last = run.history[0], run.history[-1]
    # a new prompt or prefix is no zero change, as the library starts it
    if kind not in ("prefix", "prompt", "p-tuning"):
        assert first["loss"] == pytest.approx(math.log(2), abs=1e-4)
        assert first["rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert last["loss"] < first["loss"]
    assert last["rewards/margins"] > first["rewards/margins"]
    assert last["logps/chosen"] < 0 > last["logps/rejected"]


def test_a_run_that_goes_on_has_its_start_as_reference(train_dpo, llama, start):
    run = train_dpo(llama, start=start)
    assert run.history[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert run.history[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)
    weights = {name: weight for name, weight in run.model.state_dict().items() if ".ref." in name}
    published = load_file(start / "adapter_model.safetensors")
    assert len(weights) == len(published) > 0
    assert all(torch.equal(weights[name.replace(".weight", ".ref.weight")], published[name]) for name in published)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_begins_where_its_formula_says(train_dpo, llama, loss):
    history = train_dpo(llama, LORA, loss_type=[loss], max_steps=1).history
    assert history[0]["loss"] == pytest.approx(LOSSES[loss], rel=1e-3)


def test_losses_are_added_by_their_weights(train_dpo, llama):
    both = train_dpo(llama, LORA, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.5], max_steps=1).history[0]
    one = train_dpo(llama, LORA, loss_type=["sft"], max_steps=1).history[0]
    assert both["loss"] == pytest.approx(math.log(2) + 0.5 * one["loss"], rel=1e-4)
    assert one["loss"] > 0.1


@pytest.mark.parametrize("kind", ["lora", "prefix"])
def test_packed_rows_give_the_losses_of_the_librarys_own_head(train_dpo, llama, monkeypatch, kind):
    fast = train_dpo(llama, KINDS[kind], gradient_checkpointing=False)
    assert fast.costs["scoring"] == "packed rows"
    monkeypatch.setattr(shared, "explain_unpacked", lambda trainer: "this test wants it")
    slow = train_dpo(llama, KINDS[kind], gradient_checkpointing=False)
    assert slow.costs["scoring"].startswith("TRL's own head")
    names = ("loss", "rewards/chosen", "rewards/rejected", "logps/chosen", "logits/chosen", "mean_token_accuracy")
    for one, other in zip(fast.history, slow.history, strict=True):
        assert [one[name] for name in names] == pytest.approx([other[name] for name in names], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("from_start", [False, True])
def test_what_is_published_has_the_log_probabilities_of_the_training(
    train_dpo, llama, start, tmp_path, load_plain, pairs, from_start
):
    run = train_dpo(llama, **({"start": start} if from_start else {"adapter": LORA}), max_steps=4)
    tokenizer = run.trainer.processing_class
    publishing.publish_weights(
        run.model, tokenizer, tmp_path / "adapter", {"model": "tiny", "source": {"source": "random"}, "revision": None}
    )
    assert not (tmp_path / "adapter/ref").exists()
    loaded = load_plain(llama, tmp_path / "adapter")
    found = [sum_log_probs(loaded, tokenizer, row, side) for row in pairs for side in ("chosen", "rejected")]
    batch = run.trainer.data_collator([run.trainer.train_dataset[index] for index in range(8)])
    labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)
    with torch.no_grad():
        scores = run.model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels, fused_lm_head=True
        ).log_probs.sum(1)
    expected = [score for two in zip(*scores.chunk(2), strict=True) for score in map(float, two)]
    assert found == pytest.approx(expected, abs=1e-3)


def test_prompts_and_answers_are_those_of_the_evaluation(train_dpo, llama, pairs):
    tokenizer = chat.load_tokenizer(llama)
    for row, pair in zip(pairs, preference_training.encode_pairs(tokenizer, pairs, 128), strict=True):
        assert pair["prompt_ids"] == chat.encode_prompt(tokenizer, row["messages"])
        for side in ("chosen", "rejected"):
            assert tokenizer.decode(pair[f"{side}_ids"][:-1]) == row[side]["content"]
            assert pair[f"{side}_ids"][-1] in chat.list_ends(tokenizer)


def test_pairs_that_are_too_long_are_counted_and_refused(llama, pairs):
    tokenizer = chat.load_tokenizer(llama)
    lengths = [
        len(pair["prompt_ids"]) + max(len(pair["chosen_ids"]), len(pair["rejected_ids"]))
        for pair in preference_training.encode_pairs(tokenizer, pairs, None)
    ]
    limit = sorted(lengths)[-3]
    over = sum(length > limit for length in lengths)
    assert over
    said = rf"training\.max_length: {over} of 8 pairs have more than {limit} tokens, the longest {max(lengths)}"
    with pytest.raises(UserError, match=said):
        preference_training.encode_pairs(tokenizer, pairs, limit)
    assert len(preference_training.encode_pairs(tokenizer, pairs, max(lengths))) == 8


def test_a_quantised_base_is_trained_in_float32(train_dpo, llama):
    run = train_dpo(llama, LORA, quantization={"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"})
    assert {weight.dtype for _, weight in adapters.list_trainable(run.model)} == {torch.float32}
    assert run.history[0]["loss"] == pytest.approx(math.log(2), abs=1e-3)


def test_margins_that_never_move_publish_nothing(train_dpo, llama, monkeypatch):
    check = preference_training.TokenisedTrainer.check_learnable

    def forget(trainer):
        trainer.state.log_history = [row | {"rewards/margins": 0.0} for row in trainer.state.log_history]
        check(trainer)

    monkeypatch.setattr(preference_training.TokenisedTrainer, "check_learnable", forget)
    with pytest.raises(UserError, match="The margins between chosen and rejected answers never moved"):
        train_dpo(llama, LORA)


def test_no_second_adapter_is_put_on_top(train_dpo, llama, start):
    run = train_dpo(llama, start=start)
    assert isinstance(run.model, PeftModel) and set(run.model.peft_config) == {"default", "ref"}
    trained = {name for name, _ in adapters.list_trainable(run.model)}
    assert trained and all(".default." in name for name in trained)


@pytest.mark.parametrize("method", [dpo, kto])
def test_pairs_that_are_the_same_tokens_are_refused(llama, tmp_path, rows, method):
    given = [
        {"id": row["id"], "messages": [row["messages"][0], said], "rejected": said | {"content": said["content"] + " "}}
        for row in rows[:4]
        for said in [{"role": "assistant", "content": "Yes."}]
    ]
    template = tmp_path / "trimming.jinja"
    template.write_text(
        "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{{ eos_token }}{% endfor %}<assistant>"
    )
    spec = {dpo: DpoRun, kto: KtoRun}[method](
        method=method.__name__.rpartition(".")[2],
        label="Trial",
        model="tiny",
        dataset="sums",
        adapter=LORA,
        training=SHORT,
    )
    with pytest.raises(UserError, match="of 4 rows of 4 are the same tokens"):
        method.train(build_job(llama, tmp_path, spec, template=template), given)
