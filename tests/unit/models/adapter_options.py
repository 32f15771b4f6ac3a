"""Every adapter type with each of its options, as runs' sections: what the config takes of them is asked of it."""

import copy
import functools

import torch
from architectures import SHAPE, build_rows
from peft import get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from tests.unit.config.default_config import merge
from tunelab.config.arguments import load_arguments
from tunelab.config.fields import asks_for_nothing, load_classes, load_unsupported
from tunelab.config.loading import check_config
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.models.adapters import build_adapter_config

KINDS = sorted({name for name in load_arguments() if name.isupper()} - {*load_unsupported(), "ADAMSS"})
TARGETS = ["q_proj", "down_proj"]
# what a model of this width, or the type itself, asks for
NEEDED = {
    "ADALORA": {"init_r": 6, "target_r": 2, "tinit": 1, "tfinal": 1, "total_step": 4},
    "BOFT": {"boft_block_size": 4},
    "C3A": {"block_size": 16},
    "FOURIERFT": {"n_frequency": 20},
    "LN_TUNING": {"target_modules": ["post_attention_layernorm"]},
    "MISS": {"r": 8, "mini_r": 2},
    "OFT": {"oft_block_size": 4},
    "RANDLORA": {"randlora_alpha": 8},  # the default of 640 makes rounding count
    "ROAD": {"group_size": 16},
    "SHIRA": {"r": 2},
    "TRAINABLE_TOKENS": {"token_indices": [60, 61], "target_modules": ["embed_tokens"]},
    "VBLORA": {"vector_length": 16, "num_vectors": 8},
    "WAVEFT": {"n_frequency": 64},
    **{kind: {"num_virtual_tokens": 5} for kind in PROMPT_LEARNING},
}
# one entry for each shape that a mapping, a list, a text or a number without a choice may have
VALUES = {
    "act_fn": ["gelu"],
    "alora_invocation_tokens": [build_rows()[0][0, 3:4].tolist()],  # all rows have it once
    "alpha_pattern": [{"q_proj": 3}],
    "bias": ["all"],
    "block_size_pattern": [{"q_proj": 8}],
    "cayley_neumann_eps": [0.5],
    "decompose_factor": [4],
    "depth": [1],
    "effective_rank": [4],
    "encoder_hidden_size": [16],
    "exclude_modules": [["down_proj"], ".*down_proj"],
    "feedforward_modules": [["down_proj"], ["q_proj", "down_proj"]],
    "hybrid_r": [2],
    "lambda_pattern": [{"q_proj": 3}],
    "layer_replication": [[[0, 2], [1, 2]]],
    "layers_pattern": ["layers", ["layers"]],
    "layers_to_transform": [1, [0]],
    "modules_to_save": [["self_attn"], ["layers.1"], ["norm", "input_layernorm"], ["embed_tokens", "lm_head"]],
    "n_frequency_pattern": [{"q_proj": 9}],
    "rank_pattern": [{"q_proj": 2}],
    "target_modules": ["all-linear", ["q_proj"], ".*v_proj", ["embed_tokens", "q_proj"]],
    "target_parameters": [["mlp.gate_proj.weight"]],
    "trainable_token_indices": [[60, 61], {"embed_tokens": [60]}],
    "use_bdlora": [{"target_modules_bd_a": ["q_proj"], "target_modules_bd_b": ["down_proj"], "nblocks": 2}],
    "velora_config": [{"num_groups": 4}],
    "wavelet_family": ["db2"],
}
# of modules that are trained as a whole beside an adapter, whose copies PEFT makes alike for every type
COPIED = [["layers.0.self_attn"], ["mlp"], ["model"], ["rotary_emb"], ["v_proj"], ["q_proj"], ["layers.1", "mlp"]]
WITH = {"layers_pattern": {"layers_to_transform": [0]}}


def list_values(kind, field):
    """Return values of an option that ask for something: its choices and switches, or those above."""
    known = load_arguments()[kind][field]
    values = list(VALUES.get(field, ()))
    if known.get("choices"):
        values = ["pissa_niter_4" if choice.startswith("pissa_niter") else choice for choice in known["choices"]]
    if "bool" in known["types"]:
        values += [True, False]
    if field.endswith("dropout"):
        values = [0.3]
    if field == "modules_to_save" and kind in ("LORA", "PREFIX_TUNING"):
        values += COPIED
    return [value for value in values if not asks_for_nothing(known, value)]


@functools.cache
def list_options():
    """List adapters' sections, each with one option beside what its type needs, as far as the config takes them."""
    listed = []
    for kind in KINDS:
        classes = load_classes(kind)
        plain = {"peft_type": kind} | ({"target_modules": TARGETS} if "target_modules" in classes.passed else {})
        plain |= {"r": 4} if "r" in classes.passed and load_arguments()[kind]["r"].get("default") else {}
        plain |= NEEDED.get(kind, {})
        listed.append(plain)
        for field in sorted(classes.passed - {"peft_type", "task_type"}):
            ways = classes.needs.get(field, {})
            way = ways[0] if isinstance(ways, list) else ways
            asked = {name: demand[0] if isinstance(demand, list) else demand for name, demand in way.items()}
            beside = WITH.get(field, {}) | asked
            listed += [plain | beside | {field: value} for value in list_values(kind, field)]
    run = {"method": "sft", "label": "Mine", "model": "smollm2", "dataset": "support", "training": {"max_steps": 4}}
    runs = {f"mine{number}": run | {"adapter": fields} for number, fields in enumerate(listed)}
    problems, _, _ = check_config(merge({"runs": runs}))
    refused = {problem.path[1] for problem in problems if problem.path[0] == "runs"}
    return [section["adapter"] for name, section in runs.items() if name not in refused]


def build_adapted(fields, model_type="llama", **others):
    """Build a model in float32 with an adapter that changes what it says; equal calls build equal ones."""
    base = copy.deepcopy(_build_base(model_type, *others.items()))
    torch.manual_seed(0)
    model = get_peft_model(base, build_adapter_config(fields))
    torch.manual_seed(1)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float() + 0.05 * torch.randn(weight.shape)
    return model.eval()


@functools.cache
def _build_base(model_type, *others):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **(SHAPE | dict(others))))
