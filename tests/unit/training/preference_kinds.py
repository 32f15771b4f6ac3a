"""Adapters with which every method of preferences is tried."""

LORA = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
KINDS = {
    "lora": LORA,
    "dora": LORA | {"use_dora": True},
    "ia3": {"peft_type": "IA3"},
    "prefix": {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3},
    "prompt": {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 3},
    "p-tuning": {"peft_type": "P_TUNING", "num_virtual_tokens": 3, "encoder_hidden_size": 32},
    "full": None,
}
