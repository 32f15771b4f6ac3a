"""Every adapter in distillation: read by TRL's loss as its own forward says, or refused before anything is trained."""

from types import SimpleNamespace

import pytest
import torch
from peft import get_peft_model
from trl import DistillationTrainer

from tests.unit.models.test_every_adapter import CASES
from tests.unit.training.training_jobs import build_job
from tunelab.config.drafts import Draft
from tunelab.config.method_checks import explain_passed_by
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.specs.sources import RandomModel
from tunelab.config.specs.training import DistillationRun
from tunelab.models import adapters
from tunelab.sources.random_model import create_model
from tunelab.training import distillation

SHAPE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
SHAPE |= {"num_key_value_heads": 2, "initializer_range": 0.2, "model_type": "llama", "tie_word_embeddings": True}
LORA = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
IDS = torch.arange(60, 84)[None]
SHORT = {"max_steps": 2, "per_device_train_batch_size": 4, "max_completion_length": 8, "learning_rate": 1e-2}
SHORT |= {"report_to": "none", "gradient_checkpointing": False}
# what TRL's loss reads as a whole, one case of each kind of it, and the rest
READ = [fields for fields in CASES if not explain_passed_by(Draft(fields))]
KINDS = {fields["peft_type"]: fields for fields in READ[::-1]}
REFUSED = [fields for fields in CASES if explain_passed_by(Draft(fields))]
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.weights]


def name(fields):
    return "-".join(map(str, fields.values()))


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    """A model whose output layer shares the embedding's weights, which an adapter on tokens then changes as well."""
    folder = tmp_path_factory.mktemp("tied") / "model"
    create_model(RandomModel(source="random", architecture=SHAPE), "tiny", folder)
    return folder


@pytest.fixture(scope="module")
def teacher(train_sft, publish, llama):
    return distillation.Teacher(llama, publish(train_sft(llama, LORA, max_steps=12)))


def read_and_ask(folder, fields):
    """The logits of a model whose adapter has learnt something: as TRL's loss reads them, and by its own forward."""
    if "alora_invocation_tokens" in fields:
        fields = fields | {"alora_invocation_tokens": [70, 71]}
    base = adapters.load_base_model(folder, torch.device("cpu"), torch.float32)
    model = get_peft_model(base, adapters.build_adapter_config(fields, folder)).eval()
    torch.manual_seed(0)
    for _, weight in adapters.list_trainable(model):
        weight.data += 0.1 * torch.randn_like(weight)
    trainer = DistillationTrainer.__new__(DistillationTrainer)
    trainer.model_kwarg_keys, trainer._is_vlm = (), False
    read = DistillationTrainer._get_last_hidden_state.__wrapped__  # without the profiler
    with torch.no_grad():
        hidden, head = read(trainer, model, IDS, torch.ones_like(IDS), IDS.shape[1] - 1), model.get_output_embeddings()
        logits = hidden @ head.weight.T + (0 if head.bias is None else head.bias)
        return logits, model(input_ids=IDS).logits[:, -IDS.shape[1] : -1]


@pytest.mark.parametrize("fields", READ, ids=name)
def test_what_is_not_refused_is_read_whole(tied, fields):
    torch.testing.assert_close(*read_and_ask(tied, fields), rtol=0, atol=1e-3)


@pytest.mark.parametrize("fields", REFUSED, ids=name)
def test_what_is_refused_would_be_passed_by(tied, fields):
    try:
        read, said = read_and_ask(tied, fields)
    except AttributeError as error:  # which TRL would meet as well
        assert "has no attribute 'bias'" in str(error)
    else:
        assert (read - said).abs().max() > 1e-2


def test_the_refused_are_prompts_tokens_and_what_begins_in_the_middle():
    kinds = {fields["peft_type"] for fields in REFUSED} - PROMPT_LEARNING
    assert kinds == {"TRAINABLE_TOKENS", "LORA"}
    assert {key for fields in REFUSED if fields["peft_type"] == "LORA" for key in fields} == {
        *("peft_type", "r", "trainable_token_indices", "alora_invocation_tokens"),
    }
    assert {fields["peft_type"] for fields in REFUSED} & PROMPT_LEARNING == PROMPT_LEARNING


# AdaLoRA's budget is a supervised training's, so that a student has another adapter
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"ADALORA"}))
def test_every_kind_of_student_takes_a_step_and_is_published(
    publish, load_plain, compute_logits, llama, teacher, rows, tmp_path, kind
):
    fields = {"label": "Trial", "model": "tiny", "dataset": "chat", "teacher": "long", "training": SHORT}
    spec = DistillationRun(method="distillation", **fields, adapter=KINDS[kind])
    trainer, history, costs = distillation.train(build_job(llama, tmp_path, spec), rows, teacher)
    assert all(row["loss"] > 0 for row in history)
    expected = compute_logits(trainer.model.eval())
    folder = publish(SimpleNamespace(trainer=trainer, spec=spec, costs=costs))
    torch.testing.assert_close(compute_logits(load_plain(llama, folder)), expected, rtol=0, atol=1e-3)
