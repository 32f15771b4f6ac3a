"""KTO: the order of rows, the weights, the loss at the start, what is learnt, and what is refused."""

import math
import random
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from torch.nn.functional import sigmoid

from tests.unit.training.preference_kinds import KINDS, LORA
from tests.unit.training.training_jobs import build_job
from tunelab.config.specs.training import KtoRun
from tunelab.errors import UserError
from tunelab.models import adapters, chat, publishing
from tunelab.training import kto, shared

SHORT = {"max_steps": 3, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "report_to": "none"}
LOSSES = ("kto", "apo_zero_unpaired")


@pytest.fixture(scope="module")
def answers(rows):
    """Five wanted answers and three that are not, of different lengths."""
    return [
        {
            "id": row["id"],
            "messages": row["messages"][:1],
            "completion": {"role": "assistant", "content": row["messages"][1]["content"] if number % 3 else "No idea"},
            "label": bool(number % 3),
        }
        for number, row in enumerate(rows[:8])
    ]


@pytest.fixture(scope="module")
def train_kto(tmp_path_factory, answers):
    def train(base, adapter=None, start=None, given=answers, dtype="float32", quantization=None, seed=0, **settings):
        fields = {"label": "Trial", "model": "tiny", "dataset": "sums", "samples": "play", "quantization": quantization}
        spec = KtoRun(method="kto", **fields, adapter=adapter, training=SHORT | settings)
        run = SimpleNamespace(spec=spec)
        folder, dtype = tmp_path_factory.mktemp("checkpoints"), getattr(torch, dtype)
        job = build_job(base, folder, spec, init_from=start, seed=seed, dtype=dtype)
        run.trainer, run.history, run.costs = kto.train(job, given)
        run.model = run.trainer.model.eval()
        return run

    return train


@pytest.fixture(scope="module")
def start(train_sft, publish, llama):
    return publish(train_sft(llama, LORA))


def list_batches(trainer):
    """The batches of every epoch, as the trainer's own loader gives them."""
    loader = trainer.get_train_dataloader()
    for epoch in range(len(trainer.train_dataset) // trainer.epoch_rows):
        loader.set_epoch(epoch)
        yield list(loader)


def score(model, batch, prefix=""):
    """Log-probabilities of a batch's answers, by a plain forward pass of each row."""
    found = []
    columns = [batch[f"{prefix}{name}"] for name in ("input_ids", "attention_mask", "completion_mask")]
    for ids, mask, learnt in zip(*columns, strict=True):
        ids, learnt = ids[mask.bool()], learnt[mask.bool()]
        with torch.no_grad():
            logits = model(input_ids=ids[None]).logits[0, -len(ids) :].float().log_softmax(-1)
        found.append(logits[:-1].gather(1, ids[1:, None])[:, 0][learnt[1:].bool()].sum())
    return torch.stack(found)


@pytest.mark.parametrize(
    ("right", "wrong", "size"), [(20, 12, 8), (61, 3, 8), (1, 9, 4), (7, 6, 2), (2, 50, 3), (1, 1, 8)]
)
def test_every_batch_of_every_epoch_has_both_labels_and_every_row_comes(right, wrong, size):
    labels = [True] * right + [False] * wrong
    random.Random(1).shuffle(labels)
    epochs = kto.mix_rows(labels, size, 3, seed=5)
    assert epochs == kto.mix_rows(labels, size, 3, seed=5) != kto.mix_rows(labels, size, 3, seed=6)
    assert len({tuple(epoch) for epoch in epochs}) == 3 or right + wrong < 4
    for epoch in epochs:
        assert len(epoch) % size == 0
        batches = [epoch[begin : begin + size] for begin in range(0, len(epoch), size)]
        shares = [sum(labels[row] for row in batch) for batch in batches]
        assert min(shares) >= 1 and max(shares) <= size - 1
        assert max(shares) - min(shares) <= 1
        times = Counter(epoch)
        assert set(times) == set(range(len(labels)))
        scarce = right < wrong
        assert {times[row] for row in times if labels[row] is not scarce} == {1} or right == wrong
        again = [times[row] for row in times if labels[row] is scarce]
        assert max(again) - min(again) <= 1


def test_the_batch_with_one_more_of_the_scarcer_label_comes_anywhere():
    labels = [True] * 5 + [False] * 11
    epochs = kto.mix_rows(labels, 4, 20, seed=5)
    richest = {max(range(4), key=lambda n: sum(labels[row] for row in epoch[4 * n : 4 * n + 4])) for epoch in epochs}
    assert richest == {0, 1, 2, 3}


def test_an_epoch_has_no_batch_more_than_its_rows_need():
    assert kto.count_batches([True] * 20 + [False] * 12, 8) == 4
    assert kto.count_batches([True] * 20 + [False] * 13, 8) == 5
    assert kto.count_batches([True] * 70 + [False], 8) == 10  # a place in each is the scarcer label's


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (40 / 60, 40 / 20)),
        ({"desirable_weight": 1.0}, (1.0, 3.0)),
        ({"undesirable_weight": 1.5}, (0.5, 1.5)),
        ({"desirable_weight": 2.0, "undesirable_weight": 1.0}, (2.0, 1.0)),
    ],
)
def test_weights_follow_the_balance_of_the_labels_unless_they_are_given(settings, expected):
    found = kto.weigh_labels([True] * 30 + [False] * 10, settings)
    assert (found["desirable_weight"], found["undesirable_weight"]) == pytest.approx(expected)
    if len(settings) < 2:
        assert found["desirable_weight"] * 30 == pytest.approx(found["undesirable_weight"] * 10)


@pytest.mark.parametrize(
    ("settings", "epochs"),
    [
        ({"num_train_epochs": 3.0, "max_steps": -1}, 3),
        ({"num_train_epochs": 0.5, "max_steps": -1}, 1),
        ({"num_train_epochs": 9.0, "max_steps": 7}, 3),
        ({"max_steps": 6}, 2),
        ({"max_steps": 7, "gradient_accumulation_steps": 2}, 4),
    ],
)
def test_rows_are_written_for_as_many_epochs_as_the_steps_take(settings, epochs):
    args = SimpleNamespace(**{"gradient_accumulation_steps": 1, "num_train_epochs": 3.0} | settings)
    assert kto.count_epochs(args, batches=3) == epochs


def test_the_trainer_takes_the_epochs_one_after_the_other_with_both_labels_in_each_batch(train_kto, llama):
    run = train_kto(llama, LORA, max_steps=5)  # two batches are an epoch
    epochs = list(list_batches(run.trainer))
    assert [len(batches) for batches in epochs] == [2, 2, 2]
    for batches in epochs:
        assert all(0 < batch["label"].sum() < 4 for batch in batches)
    texts = [sorted(str(row) for batch in batches for row in batch["input_ids"].tolist()) for batches in epochs]
    assert [str(batch["input_ids"].tolist()) for batch in epochs[0]] != [
        str(batch["input_ids"].tolist()) for batch in epochs[1]
    ]
    assert all(len(set(each)) == 8 for each in texts)
    assert [row["epoch"] for row in run.history] == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert run.trainer.args.train_sampling_strategy == "sequential"


def test_the_divergence_is_estimated_from_each_question_with_the_answer_of_its_neighbour(train_kto, llama):
    trainer = train_kto(llama, LORA).trainer
    rows = list(trainer.train_dataset)
    for begin in range(0, len(rows), 4):
        batch = rows[begin : begin + 4]
        expected = [batch[-1], *batch[:-1]]
        assert [row["KL_completion_ids"] for row in batch] == [row["completion_ids"] for row in expected]
    assert "KL_completion_ids" not in train_kto(llama, LORA, loss_type="apo_zero_unpaired").trainer.train_dataset[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_first_loss_is_half_the_weights_of_its_batch(train_kto, llama, loss):
    run = train_kto(llama, LORA, loss_type=loss, max_steps=2)
    weights = run.costs["desirable_weight"], run.costs["undesirable_weight"]
    assert run.costs["epoch_rows"] == 8
    assert weights == pytest.approx((8 / 10, 8 / 6))
    labels = next(list_batches(run.trainer))[0]["label"]
    expected = 0.5 * sum(weights[0] if label else weights[1] for label in labels) / 4
    assert run.history[0]["loss"] == pytest.approx(expected, rel=1e-4)
    assert run.history[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert run.history[0].get("kl", 0) == pytest.approx(0, abs=1e-5)


def test_given_weights_weigh_the_loss(train_kto, llama):
    run = train_kto(llama, LORA, desirable_weight=3.0, undesirable_weight=0.5, max_steps=1)
    wanted = int(next(list_batches(run.trainer))[0]["label"].sum())
    assert run.history[0]["loss"] == pytest.approx(0.5 * (3.0 * wanted + 0.5 * (4 - wanted)) / 4, rel=1e-4)
    assert (run.costs["desirable_weight"], run.costs["undesirable_weight"]) == (3.0, 0.5)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_that_of_its_formula(train_kto, llama, load_plain, loss):
    run = train_kto(llama, LORA, loss_type=loss, max_steps=4, beta=0.3)
    batch = next(list_batches(run.trainer))[0]
    base = load_plain(llama)
    ratios = score(run.model, batch) - score(base, batch)
    if loss == "kto":
        kl = (score(run.model, batch, "KL_") - score(base, batch, "KL_")).mean().clamp(min=0)
        found = torch.where(batch["label"], 1 - sigmoid(0.3 * (ratios - kl)), 1 - sigmoid(0.3 * (kl - ratios)))
    else:
        found = torch.where(batch["label"], 1 - sigmoid(0.3 * ratios), sigmoid(0.3 * ratios))
    weights = torch.where(batch["label"], run.costs["desirable_weight"], run.costs["undesirable_weight"])
    with torch.no_grad():
        loss = run.trainer.compute_loss(run.trainer.model, batch)
    assert ratios.abs().max() > 0.01
    assert loss.item() == pytest.approx((weights * found).mean().item(), rel=1e-4)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_adapter_learns_to_tell_the_answers_apart(train_kto, llama, kind):
    rate = 3e-2 if KINDS[kind] else 1e-3
    run = train_kto(llama, KINDS[kind], max_steps=8, per_device_train_batch_size=8, learning_rate=rate)
    first, last = run.history[0], run.history[-1]
    # a new prompt or prefix is no zero change, as the library starts it
    if kind not in ("prefix", "prompt", "p-tuning"):
        assert first["rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert last["rewards/margins"] > first["rewards/margins"]
    assert all(math.isfinite(row["loss"]) for row in run.history)


@pytest.mark.parametrize("kind", ["lora", "prefix"])
def test_packed_rows_give_the_losses_of_the_librarys_own_head(train_kto, llama, monkeypatch, kind):
    fast = train_kto(llama, KINDS[kind], gradient_checkpointing=False)
    assert fast.costs["scoring"] == "packed rows"
    monkeypatch.setattr(shared, "explain_unpacked", lambda trainer: "this test wants it")
    slow = train_kto(llama, KINDS[kind], gradient_checkpointing=False)
    assert slow.costs["scoring"].startswith("TRL's own head")
    names = ("loss", "kl", "rewards/chosen", "rewards/rejected", "logps/chosen", "logits/chosen", "logits/rejected")
    for one, other in zip(fast.history, slow.history, strict=True):
        assert [one[name] for name in names] == pytest.approx([other[name] for name in names], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("from_start", [False, True])
def test_what_is_published_has_the_log_probabilities_of_the_training(
    train_kto, llama, start, tmp_path, load_plain, from_start
):
    run = train_kto(llama, **({"start": start} if from_start else {"adapter": LORA}), max_steps=4)
    publishing.publish_weights(
        run.model,
        run.trainer.processing_class,
        tmp_path / "adapter",
        {"model": "tiny", "source": {"source": "random"}, "revision": None},
    )
    assert not (tmp_path / "adapter/ref").exists()
    batch = next(list_batches(run.trainer))[0]
    labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)
    with torch.no_grad():
        expected = run.model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels, fused_lm_head=True
        ).log_probs.sum(1)
    found = score(load_plain(llama, tmp_path / "adapter"), batch)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-3)


def test_a_run_that_goes_on_has_its_start_as_reference_and_no_second_adapter(train_kto, llama, start):
    run = train_kto(llama, start=start)
    assert run.history[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert isinstance(run.model, PeftModel) and set(run.model.peft_config) == {"default", "ref"}
    trained = {name for name, _ in adapters.list_trainable(run.model)}
    assert trained and all(".default." in name for name in trained)


def test_a_quantised_base_is_trained_in_float32(train_kto, llama):
    run = train_kto(llama, LORA, quantization={"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"})
    assert {weight.dtype for _, weight in adapters.list_trainable(run.model)} == {torch.float32}
    assert run.history[0]["rewards/margins"] == pytest.approx(0, abs=1e-3)


def test_pairs_are_two_answers_each_and_mixed(train_kto, llama, rows):
    pairs = [
        {"id": row["id"], "messages": row["messages"], "rejected": {"role": "assistant", "content": "No"}}
        for row in rows[:8]
    ]
    run = train_kto(llama, LORA, given=pairs, max_steps=4)
    assert (run.costs["epoch_rows"], run.costs["desirable_weight"], run.costs["undesirable_weight"]) == (16, 1.0, 1.0)
    (batches,) = list_batches(run.trainer)
    assert [int(batch["label"].sum()) for batch in batches] == [2, 2, 2, 2]
    tokenizer = chat.load_tokenizer(llama)
    said = Counter((tokenizer.decode(row["completion_ids"][:-1]), row["label"]) for row in run.trainer.train_dataset)
    assert said == {("No", False): 8} | {(row["messages"][1]["content"], True): 1 for row in rows[:8]}


def test_the_order_follows_the_seed_or_the_one_for_data(train_kto, llama):
    def read(**given):
        return [
            row["prompt_ids"] + row["completion_ids"] for row in train_kto(llama, LORA, **given).trainer.train_dataset
        ]

    assert read() == read()
    assert read(seed=1) != read()
    assert read(seed=1, data_seed=0) == read()


def test_answers_that_are_too_long_are_counted_and_refused(train_kto, llama, answers):
    with pytest.raises(UserError, match=r"training\.max_length: 8 of 8 answers have more than 20 tokens, the longest"):
        train_kto(llama, LORA, max_length=20)
    lengths = [
        len(row["prompt_ids"]) + len(row["completion_ids"]) for row in train_kto(llama, LORA).trainer.train_dataset
    ]
    run = train_kto(llama, LORA, max_length=None, max_steps=1)
    assert run.trainer.data_collator.max_length == max(lengths)


def test_answers_of_one_label_teach_nothing(train_kto, llama, answers):
    with pytest.raises(UserError, match=r"dataset: the label of all 5 rows to learn from is true, so there is nothing"):
        train_kto(llama, LORA, given=[row for row in answers if row["label"]])
