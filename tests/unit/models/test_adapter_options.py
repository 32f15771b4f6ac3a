"""Whatever an adapter's options are, a row counts what it counts alone: in training, when measured, when answered.

What a row counts alone is what PEFT and transformers say of it without padding, packing, a cache or a merge.
"""

from types import SimpleNamespace

import pytest
import torch
from adapter_options import KINDS, build_adapted, list_options
from architectures import SHAPE, build_rows
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, GenerationConfig
from trl.trainer.utils import add_fused_lm_head

from tunelab.config.module_checks import check_targets
from tunelab.evaluation import generation, losses
from tunelab.models import inspection
from tunelab.models.adapters import use_lora_products
from tunelab.models.decoding import find_generate
from tunelab.models.packed_model import TOKENWISE
from tunelab.training.packed_head import add_packed_head, explain_unpacked

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
OPTIONS = list_options()
PLAIN = SimpleNamespace(world_size=1, gradient_checkpointing=False, packing=False, padding_free=False)
FIRST = 9  # of the tokens that are learnt and measured
END = 3
LLAMA = {"model_type": "llama"}
TIED = {"model_type": "qwen2", "tie_word_embeddings": True}
# on a model with biases whose output layer is its embedding, all that PEFT copies or shares
OTHERS = [fields for fields in OPTIONS if fields["peft_type"] in ("LORA", "TRAINABLE_TOKENS")]
TRIALS = [(LLAMA, fields) for fields in OPTIONS] + [(TIED, fields) for fields in OTHERS]


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Return, by model type, a folder with a model's config and what is known of its parts."""

    def describe(model):
        folder = tmp_path_factory.mktemp(model["model_type"])
        AutoConfig.for_model(**(SHAPE | model)).save_pretrained(folder)
        return folder, inspection.list_parts(inspection.build_empty(folder))

    torch.set_num_threads(1)  # models of this size are slower by several
    return {model["model_type"]: describe(model) for model in (LLAMA, TIED)}


def list_row_ids():
    ids, attention = build_rows()
    return [row[seen.bool()].tolist() for row, seen in zip(ids, attention, strict=True)]


def say_alone(model, ids):
    """Return the logits of a row by itself, which a prompt's own come before."""
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -len(ids) :]


def count_alone(model, ids):
    """Return the summed loss of a row's tokens."""
    return cross_entropy(say_alone(model, ids)[FIRST - 1 : -1], torch.tensor(ids[FIRST:]), reduction="sum")


def list_gradients(model):
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def explain_expected(fields):
    """Return the beginning of the reason why rows with this adapter are not packed; nothing where they are."""
    if fields["peft_type"] not in TOKENWISE:
        return f"adapters of type {fields['peft_type']} have not been checked for it"
    if "alora_invocation_tokens" in fields:
        return "the adapter begins to act at a place that differs from row to row"
    if "velora_config" in fields:
        return "the adapter learns by averages over the tokens of a batch"
    return "the output layer is trained" if "lm_head" in fields.get("modules_to_save", ()) else ""


def check_training(fields, model, alone):
    """Compare the loss of a step, and every gradient, with those of the rows one by one."""
    ids, attention = build_rows()
    # what draws at random is not drawn alike
    drawing = fields["peft_type"] == "PVERA" or any(name.endswith("dropout") for name in fields)
    for one in (model, alone):
        one.train(not drawing)
    add_fused_lm_head(model.get_base_model())
    unpacked = explain_unpacked(SimpleNamespace(model=model, args=PLAIN))
    assert (unpacked or "").startswith(explain_expected(fields)) and bool(unpacked) is bool(explain_expected(fields))
    if unpacked is None:
        add_packed_head(SimpleNamespace(model=model, args=PLAIN))
    use_lora_products(model)
    labels = ids.masked_fill(attention == 0, -100)
    labels[:, :FIRST] = -100
    scores = model(input_ids=ids, attention_mask=attention, labels=labels, use_cache=False, fused_lm_head=True)
    rows, count = list_row_ids(), (labels != -100).sum()
    loss = -scores.log_probs.sum() / count
    loss.backward()
    expected = sum(count_alone(alone, row) for row in rows) / count
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    found, right = list_gradients(model), list_gradients(alone)
    assert found.keys() == right.keys() and found
    for name, gradient in right.items() if "velora_config" not in fields else ():  # which has those of a batch
        assert (found[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-7, name


def check_losses(model, alone, rows):
    encoded = [{"input_ids": row, "assistant_masks": [0] * FIRST + [1] * (len(row) - FIRST)} for row in rows]
    found = [loss for loss, _ in losses.measure_batch(model, encoded, 0)]
    assert found == pytest.approx([count_alone(alone, row).item() for row in rows], rel=1e-4)


def check_answers(model, alone, rows):
    """See that each token of an answer is the one that the model alone would write next."""
    config = GenerationConfig(max_new_tokens=6, do_sample=False, eos_token_id=[END], pad_token_id=0)
    generate, _ = find_generate(model, config)
    model.generation_config = config
    apart = model.peft_config["default"].peft_type.value in generation.UNPADDED
    for batch in [[row] for row in rows] if apart else [rows]:
        width = max(map(len, batch))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in batch])
        seen = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in batch])
        answers = generate(input_ids=ids, attention_mask=seen, generation_config=config)[:, width:].tolist()
        for row, answer in zip(batch, answers, strict=True):
            said = answer[: answer.index(END) + 1] if END in answer else answer
            assert say_alone(alone, row + said)[len(row) - 1 : -1].argmax(-1).tolist() == said


@pytest.mark.parametrize(("model", "fields"), TRIALS, ids=lambda fields: "-".join(map(str, fields.values())))
def test_a_row_counts_what_it_counts_alone(model, fields, known):
    folder, parts = known[model["model_type"]]
    if any(check_targets("mine", fields, {}, parts)):
        return  # `test_inspection` has the sentences
    try:
        alone = build_adapted(fields, **model)
        said = alone(input_ids=torch.tensor([[7, 8, 9]])).logits
        untaught = not said.requires_grad and "nothing that it trains has a part in what the model says"
    except inspection.ERRORS as error:
        untaught = " ".join(str(error).split())[:40]
    if untaught:  # which is to be told before anything is trained; FRoD's start cannot be computed without weights
        refusal = inspection.find_refusal(folder, "mine", fields)
        assert fields["peft_type"] == "FROD" or untaught in refusal.text
        return
    decoded, rows = build_adapted(fields, **model), list_row_ids()[2:5]
    use_lora_products(decoded)
    with torch.no_grad():  # a model that inference mode has seen cannot be trained any more
        check_losses(decoded, alone, rows)
        check_answers(decoded, alone, rows)
    check_training(fields, build_adapted(fields, **model), alone)


def test_every_type_and_option_is_tried():
    assert {fields["peft_type"] for fields in OPTIONS} == set(KINDS)
    assert len(OPTIONS) > 600
