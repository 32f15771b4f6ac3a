"""Tiny models of the types whose rows are packed, and adapters of every type that may be on them."""

import torch
from peft import get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from transformers import AutoConfig, AutoModelForCausalLM

SHAPE = {"vocab_size": 300, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
# sharp logits, so that neighbouring candidates are far apart
SHAPE |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "initializer_range": 0.2}
ONE_LAYER = {"target_modules": ["q_proj"]}
ADAPTERS = {
    "LORA": {"r": 4, "target_modules": "all-linear"},
    "ADALORA": {"r": 4, "init_r": 6, "total_step": 10, "target_modules": ["q_proj", "v_proj"]},
    "LOHA": {"r": 4, "target_modules": ["q_proj", "down_proj"]},
    "LOKR": {"r": 4, "target_modules": ["q_proj", "down_proj"]},
    "IA3": {},
    "OFT": {"r": 0, "oft_block_size": 4} | ONE_LAYER,
    "BOFT": {"boft_block_size": 4} | ONE_LAYER,
    "VERA": {"r": 4, "target_modules": ["q_proj", "v_proj"]},
    "FOURIERFT": {"n_frequency": 20} | ONE_LAYER,
    "HRA": {"r": 2} | ONE_LAYER,
    "VBLORA": {"r": 2, "num_vectors": 8, "vector_length": 16} | ONE_LAYER,
    "RANDLORA": {"r": 4, "randlora_alpha": 8} | ONE_LAYER,  # the default of 640 makes rounding count
    "MISS": {"r": 4} | ONE_LAYER,
    "SHIRA": {"r": 4} | ONE_LAYER,
    "ROAD": {"group_size": 2} | ONE_LAYER,
    "C3A": {"block_size": 16} | ONE_LAYER,
    "PREFIX_TUNING": {"num_virtual_tokens": 5},
    "CARTRIDGE": {"num_virtual_tokens": 5},
    "PROMPT_TUNING": {"num_virtual_tokens": 5},
    "LN_TUNING": {},
}


def build_model(model_type="llama", peft_type=None, **fields):
    """Build a model in float32, with an adapter that changes what it says; equal calls build equal ones."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **(SHAPE | fields))
    model = AutoModelForCausalLM.from_config(config)
    if peft_type:
        adapter = PEFT_TYPE_TO_CONFIG_MAPPING[peft_type](task_type="CAUSAL_LM", **ADAPTERS[peft_type])
        model = get_peft_model(model, adapter)
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data += 0.05 * torch.randn_like(weight)
    return model.eval()


def build_rows(side="right"):
    """Return ids and attention [6, 20] of rows of different lengths that begin alike, one of them twice."""
    torch.manual_seed(1)
    ids = torch.randint(7, SHAPE["vocab_size"], (6, 20))
    lengths = [20, 20, 17, 15, 16, 19]
    ids[:, :7] = ids[0, :7]
    ids[1] = ids[0]
    ids[3, :12] = ids[4, :12]
    attention = (torch.arange(20)[None] < torch.tensor(lengths)[:, None]).long()
    if side == "left":
        shifts = [20 - length for length in lengths]
        ids = torch.stack([row.roll(shift) for row, shift in zip(ids, shifts, strict=True)])
        attention = attention.flip(1)
    return ids * attention, attention
