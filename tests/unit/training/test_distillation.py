"""Distillation: the divergence by its formula, what is learnt and published, and what is refused."""

from types import SimpleNamespace

import pytest
import torch

from tests.unit.training.training_jobs import build_job
from tunelab import records
from tunelab.config.specs.training import DistillationRun
from tunelab.errors import UserError
from tunelab.models import adapters, chat
from tunelab.training import distillation, learning_checks

LORA = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
SHORT = {"max_steps": 2, "per_device_train_batch_size": 4, "max_completion_length": 8, "learning_rate": 1e-2}
SHORT |= {"report_to": "none", "gradient_checkpointing": False}


@pytest.fixture(scope="module")
def start(train_sft, publish, llama):
    return publish(train_sft(llama, LORA, max_steps=6))


@pytest.fixture(scope="module")
def teacher(train_sft, publish, llama):
    """What a longer training of the same model published."""
    return distillation.Teacher(llama, publish(train_sft(llama, LORA, max_steps=12)))


@pytest.fixture(scope="module")
def distil(tmp_path_factory, rows):
    """Return a function that trains, and keeps each batch with the loss that the trainer found for it."""

    def train(base, teacher, adapter=None, start=None, given=rows, dtype="float32", quantization=None, **settings):
        fields = {"label": "Trial", "model": "tiny", "dataset": "chat", "teacher": "long", "quantization": quantization}
        spec = DistillationRun(method="distillation", **fields, adapter=adapter, training=SHORT | settings)
        run = SimpleNamespace(spec=spec, batches=[])
        compute = distillation.DistillationTrainer._compute_loss

        def watch(trainer, student, inputs, count):
            found = compute(trainer, student, inputs, count)
            with torch.no_grad():
                says = [ask(model, inputs) for model in (student, trainer.teacher_model)]
            run.batches.append((inputs, says, found[0].item()))
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(distillation.DistillationTrainer, "_compute_loss", watch)
            folder = tmp_path_factory.mktemp("checkpoints")
            job = build_job(base, folder, spec, init_from=start, dtype=getattr(torch, dtype))
            run.trainer, run.history, run.costs = distillation.train(job, given, teacher)
        run.model = run.trainer.model.eval()
        return run

    return train


def ask(model, inputs):
    """The logits of a batch's completions by the model's own forward."""
    ids, mask = (torch.cat([inputs[f"prompt_{name}"], inputs[f"completion_{name}"]], 1) for name in ("ids", "mask"))
    width = inputs["completion_ids"].shape[1]
    return model(input_ids=ids, attention_mask=mask).logits[:, -width - 1 : -1].float()


def find_divergence(says, mask, beta, temperature=1.0):
    """The generalised Jensen-Shannon divergence of Agarwal et al. (2024), in nats per token."""
    student, teacher = ((logits / temperature).log_softmax(-1).double() for logits in says)

    def diverge(one, other):  # KL(one ‖ other)
        return (one.exp() * (one - other)).sum(-1)

    if beta in (0, 1):
        per_token = diverge(student, teacher) if beta else diverge(teacher, student)
    else:
        mixed = (beta * teacher.exp() + (1 - beta) * student.exp()).log()
        per_token = beta * diverge(teacher, mixed) + (1 - beta) * diverge(student, mixed)
    return ((per_token * mask).sum() / mask.sum()).item()


@pytest.mark.parametrize(
    ("beta", "temperature"), [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (0.3, 1.0), (0.0, 0.7), (1.0, 2.0)]
)
def test_the_loss_is_the_divergence_of_its_formula(distil, llama, teacher, start, beta, temperature):
    run = distil(llama, teacher, start=start, beta=beta, temperature=temperature)
    assert len(run.batches) == 2
    for row, (inputs, says, loss) in zip(run.history, run.batches, strict=True):
        expected = find_divergence(says, inputs["completion_mask"], beta, temperature)
        assert loss == pytest.approx(expected, rel=1e-4)
        assert row["loss"] == pytest.approx(expected, rel=1e-4)
        assert expected > 1e-3


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_a_teacher_that_is_the_student_is_at_no_distance(distil, llama, start, monkeypatch, beta):
    monkeypatch.setattr(distillation, "_check_apart", lambda *others: None)
    monkeypatch.setattr(learning_checks, "check_learnt", lambda *others: None)  # no gradient at all
    same = distillation.Teacher(llama, start)
    assert distil(llama, same, start=start, beta=beta).history[0]["loss"] == pytest.approx(0, abs=1e-6)
    fresh = distil(llama, distillation.Teacher(llama, None), adapter=LORA, beta=beta)
    assert fresh.history[0]["loss"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("case", ["new adapter", "from a start", "whole model", "from a whole model"])
def test_a_teacher_that_is_the_start_is_told_before_anything_is_learnt(case, distil, train_sft, publish, llama, start):
    if case == "from a whole model":
        start = publish(train_sft(llama, None))
    begun = {"start": start} if case.startswith("from") else {"adapter": LORA} if case == "new adapter" else {}
    same = distillation.Teacher(llama, begun.get("start"))
    with pytest.raises(UserError, match=r"^teacher: long says what this run says before it has learnt anything"):
        distil(llama, same, **begun)


def test_a_dropout_does_not_hide_that_the_teacher_is_the_start(distil, llama):
    with pytest.raises(UserError, match="says what this run says"):
        distil(llama, distillation.Teacher(llama, None), adapter=LORA | {"lora_dropout": 0.5})


CASES = {
    "new adapter": {"adapter": LORA},
    "dropout": {"adapter": LORA | {"lora_dropout": 0.1}},
    "start that changes the base": {"adapter": LORA | {"init_lora_weights": "pissa"}},
    "output layer of its own": {"adapter": LORA | {"modules_to_save": ["lm_head"]}},
    "from a start": {"start": True},
    "4 bits": {"adapter": LORA, "quantization": NF4, "dtype": "bfloat16"},
    "4 bits from a start": {"start": True, "quantization": NF4, "dtype": "bfloat16"},
    "bfloat16": {"adapter": LORA, "dtype": "bfloat16"},
    "recomputed": {"adapter": LORA, "gradient_checkpointing": True},
    "accumulated": {"adapter": LORA, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2},
    "whole model": {"learning_rate": 1e-3},
    "whole model in bfloat16": {"learning_rate": 1e-3, "dtype": "bfloat16"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_student_comes_nearer_to_the_teacher(case, distil, llama, teacher, start):
    options = dict(CASES[case])
    if options.pop("start", False):
        options["start"] = start
    run = distil(llama, teacher, **options, max_steps=12)
    assert {weight.dtype for _, weight in adapters.list_trainable(run.model)} == {torch.float32}
    assert run.history[-1]["loss"] < 0.8 * run.history[0]["loss"]
    assert run.costs["teacher_tokens"] == run.costs["tokens"] > 0
    assert run.costs["scoring"] == "TRL's own head, as distillation compares whole distributions"
    packed = "quantization" not in options
    assert run.costs["decoding"] == ("packed prompts" if packed else "generate, as the base is quantised")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_both_models_are_asked_in_the_precision_of_the_run(distil, llama, teacher, monkeypatch, dtype):
    found, read = [], distillation.DistillationTrainer._get_last_hidden_state

    def watch(trainer, model, *others):
        layer = next(module for name, module in model.named_modules() if name.endswith("down_proj"))
        hook = layer.register_forward_hook(lambda module, given, output: found.append(output.dtype))
        hidden = read(trainer, model, *others)
        hook.remove()
        return hidden

    monkeypatch.setattr(distillation.DistillationTrainer, "_get_last_hidden_state", watch)
    run = distil(llama, teacher, dtype=dtype, max_steps=1)
    assert len(found) == 2 and set(found) == {getattr(torch, dtype)}
    assert run.costs["dtype"] == dtype


def test_the_teacher_is_as_it_was_and_is_published_nowhere(distil, llama, teacher, start, tmp_path, publish):
    before = records.hash_file(teacher.artefact / "adapter_model.safetensors")
    run = distil(llama, teacher, start=start)
    run.spec = SimpleNamespace(adapter=LORA)
    folder = publish(run)
    assert records.hash_file(teacher.artefact / "adapter_model.safetensors") == before
    published, started = (sum(1 for _ in place.iterdir()) for place in (folder, start))
    assert published == started
    assert all(weight.grad is None for weight in run.trainer.teacher_model.parameters())


@pytest.mark.parametrize("from_start", [False, True])
def test_what_is_published_has_the_log_probabilities_of_the_training(
    distil, publish, load_plain, llama, teacher, start, from_start
):
    run = distil(llama, teacher, **({"start": start} if from_start else {"adapter": LORA}), max_steps=4)
    run.spec = SimpleNamespace(adapter=LORA)
    loaded = load_plain(llama, publish(run))
    inputs = run.batches[-1][0]
    with torch.no_grad():
        trainer, width = run.trainer, inputs["completion_ids"].shape[1]
        ids, mask = (torch.cat([inputs[f"prompt_{name}"], inputs[f"completion_{name}"]], 1) for name in ("ids", "mask"))
        hidden = trainer._get_last_hidden_state(run.model, ids, mask, width)
        trained = (hidden @ run.model.get_output_embeddings().weight.T).log_softmax(-1)
        says = ask(loaded, inputs).log_softmax(-1)
    kept = inputs["completion_mask"].bool()
    torch.testing.assert_close(says[kept], trained[kept], rtol=0, atol=1e-3)


def test_a_conversation_is_asked_up_to_its_last_reply_as_the_evaluation_asks_it(distil, llama, teacher):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi", "weight": 0},
        {"role": "user", "content": "How are you?"},
        {"role": "assistant", "content": "Never learnt."},
    ]
    run = distil(llama, teacher, adapter=LORA, given=[{"id": str(n), "messages": turns} for n in range(4)], max_steps=1)
    tokenizer = chat.load_tokenizer(llama)
    expected = chat.encode_prompt(tokenizer, turns[:-1])
    assert run.batches[0][0]["prompt_ids"].tolist() == [expected] * 4


def test_completions_are_the_students_and_end_where_it_ends_them(distil, llama, teacher, train_sft, publish, rows):
    taught = [
        {"id": row["id"], "messages": [row["messages"][0], {"role": "assistant", "content": "a"}]} for row in rows
    ]
    start = publish(train_sft(llama, LORA, given=taught, max_steps=30))
    run = distil(llama, teacher, start=start, max_steps=1, temperature=0.1)
    end = run.trainer.processing_class.eos_token_id
    letter = run.trainer.processing_class("a", add_special_tokens=False)["input_ids"]
    assert run.batches[0][0]["completion_ids"].tolist() == [[*letter, end]] * 4
    assert run.history[0]["completions/mean_length"] == 2


def test_fewer_rows_than_a_step_asks_are_told(distil, llama, teacher, rows):
    with pytest.raises(UserError, match=r"^A step asks 4 questions, but there are 3 to train on"):
        distil(llama, teacher, adapter=LORA, given=rows[:3])


def test_a_teacher_with_too_few_positions_is_told(distil, llama, teacher):
    with pytest.raises(UserError, match=r"^teacher: long has 512 positions, and the longest prompt .* needs 5\d\d\."):
        distil(llama, teacher, adapter=LORA, max_completion_length=500)
