"""Every adapter that a config may ask for, by every start: trained, published, loaded by PEFT alone, asked, merged."""

import pytest
import torch

from tunelab.config.arguments import load_arguments
from tunelab.config.fields import load_classes, load_unsupported
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.specs.evaluation import GenerationSpec
from tunelab.errors import UserError
from tunelab.evaluation import generation
from tunelab.models import chat, merging

# what a model of width 64, or the type itself, asks for
FIELDS = {
    "ADALORA": {"init_r": 6, "target_r": 2, "tinit": 1, "tfinal": 1, "total_step": 4},
    "C3A": {"block_size": 16},
    "MISS": {"r": 8, "mini_r": 2},
    "ROAD": {"group_size": 16},
    "SHIRA": {"r": 2},
    "TRAINABLE_TOKENS": {"token_indices": [60, 61]},
    "VBLORA": {"vector_length": 16, "num_vectors": 8},
    "WAVEFT": {"n_frequency": 64},
    **{kind: {"num_virtual_tokens": 4} for kind in PROMPT_LEARNING},
}
# needs scikit-learn, which is not installed
KINDS = sorted({name for name in load_arguments() if name.isupper()} - {*load_unsupported(), "ADAMSS"})
LORA = {"peft_type": "LORA", "r": 4}
VARIANTS = [
    *({"use_dora": True}, {"use_rslora": True}, {"lora_bias": True}, {"bias": "all"}, {"rank_pattern": {"q_proj": 2}}),
    *({"target_modules": "all-linear"}, {"target_modules": ["embed_tokens", "q_proj"]}, {"layers_to_transform": [1]}),
    *({"modules_to_save": ["lm_head"]}, {"modules_to_save": ["embed_tokens"]}, {"trainable_token_indices": [60]}),
    *({"target_parameters": ["mlp.gate_proj.weight"]}, {"velora_config": {"num_groups": 4}}),
    *({"layer_replication": [[0, 2], [1, 2]]}, {"alora_invocation_tokens": "the answer begins"}),
    {"use_bdlora": {"target_modules_bd_a": ["q_proj"], "target_modules_bd_b": ["v_proj"], "nblocks": 2}},
    {"init_lora_weights": "pissa", "rank_pattern": {"q_proj": 2}},
    {"init_lora_weights": "olora", "use_rslora": True},
]
OTHERS = [
    {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 4, "prefix_projection": True, "encoder_hidden_size": 16},
    {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 4, "init_text": "Answer."},
    {"peft_type": "P_TUNING", "num_virtual_tokens": 4, "encoder_reparameterization_type": "LSTM"},
    {"peft_type": "CARTRIDGE", "num_virtual_tokens": 4, "num_frozen_tokens": 2},
    {
        "peft_type": "PROMPT_TUNING",
        "num_virtual_tokens": 4,
        "prompt_tuning_init": "TEXT",
        "prompt_tuning_init_text": "Answer.",
    },
    {"peft_type": "IA3", "target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    *({"peft_type": kind, "save_projection": False} for kind in ("FROD", "PVERA", "RANDLORA", "TINYLORA", "VERA")),
]
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.weights]  # PEFT has much to say about the rarer kinds


def list_starts(kind: str) -> list[dict]:
    """List a type's starts as fields: every word and switch that its config takes and the workflow does not refuse."""
    for field in ("init_weights", "init_lora_weights"):
        known = load_arguments()[kind].get(field)
        if known:
            refused = load_classes(kind).never.get(field, {})
            words = [
                *known.get("choices", ()),
                *([True, False] if "bool" in known["types"] or not known["types"] else []),
            ]
            kept = [word for word in words if str(word).lower() not in refused]
            return [{field: "pissa_niter_4" if str(word).startswith("pissa_niter") else word} for word in kept]
    return []


CASES = [{"peft_type": kind} | FIELDS.get(kind, {}) | start for kind in KINDS for start in [{}, *list_starts(kind)]]
CASES += [LORA | variant for variant in VARIANTS] + OTHERS


def compute_next(model, tokenizer, prompts):
    """Return the logits of each prompt's next token, computed in one left-padded batch."""
    batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    asked = {"max_new_tokens": 1, "output_logits": True, "return_dict_in_generate": True, "do_sample": False}
    return model.generate(**batch, **asked).logits[0]


@pytest.mark.parametrize("fields", CASES, ids=lambda fields: "-".join(map(str, fields.values())))
def test_it_trains_moves_publishes_loads_answers_and_merges(
    fields, train_sft, publish, load_plain, compute_logits, llama, rows
):
    tokenizer = chat.load_tokenizer(llama, padding_side="left")
    if "alora_invocation_tokens" in fields:
        ids = tokenizer("assistant", add_special_tokens=False)["input_ids"]
        fields = fields | {"alora_invocation_tokens": ids}
    if "token_indices" in fields:
        fields = fields | {"token_indices": tokenizer("It", add_special_tokens=False)["input_ids"]}
    run = train_sft(llama, fields, max_steps=4, gradient_checkpointing=False)
    assert any(not torch.equal(run.before[name], weight) for name, weight in run.after.items())

    questions = [row["messages"][:1] for row in rows[:4]]
    prompts = [chat.render_prompt(tokenizer, messages) for messages in questions]
    ids = tokenizer(prompts[0] + "It", return_tensors="pt", add_special_tokens=False)["input_ids"]
    expected = compute_logits(run.model, ids)
    folder = publish(run)
    assert torch.equal(compute_logits(run.model, ids), expected)  # publishing changes nothing
    loaded = load_plain(llama, folder)
    torch.testing.assert_close(compute_logits(loaded, ids), expected, rtol=0, atol=1e-3)
    base = compute_logits(load_plain(llama), ids)
    assert (expected[:, -ids.shape[1] :] - base).abs().max() > 1e-3

    if fields["peft_type"] in generation.UNPADDED:
        config = generation.build_generation_config(tokenizer, loaded, GenerationSpec(max_new_tokens=6))
        encoded = [chat.encode_prompt(tokenizer, messages) for messages in questions]
        together = generation.generate_batch(loaded, tokenizer, encoded, config)
        assert together == [generation.generate_batch(loaded, tokenizer, [ids], config)[0] for ids in encoded]
    else:
        alone = torch.cat([compute_next(loaded, tokenizer, [prompt]) for prompt in prompts])
        torch.testing.assert_close(compute_next(loaded, tokenizer, prompts), alone, rtol=0, atol=1e-3)

    try:
        *_, parity = merging.merge(llama, folder, rows[:2])
    except UserError as refusal:  # a sentence, and no model that answers otherwise
        assert any(word in str(refusal) for word in ("use it as an adapter", "differs from the adapter"))
    else:
        assert parity["max_logit_difference"] < 1e-2


def test_the_cases_cover_what_a_config_may_ask_for():
    assert {fields["peft_type"] for fields in CASES} == set(KINDS)
    starts = [fields["init_lora_weights"] for fields in CASES if "init_lora_weights" in fields]
    assert {"pissa", "pissa_niter_4", "olora", "gaussian", "orthogonal", "mica", True, False} <= set(starts)
    assert not {"eva", "corda", "loftq"} & set(starts)
