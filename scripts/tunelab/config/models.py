"""The chat templates that a model's `chat_template` may name, and checks of the config's models."""

from collections.abc import Iterator
from typing import Any

from tunelab.config.drafts import Draft, Problem
from tunelab.config.wording import refuse_name, refuse_value, show

Found = Iterator[Problem]
OWN = ("chatml", "deepseek_r1_distill_nothink", "plain")
# those of the pinned TRL, which a test compares; TRL itself is not imported to check a config
TRL = (
    *("cohere", "cohere2", "cohere2_training", "cohere_training", "deepseek_r1_distill"),
    *("deepseek_r1_distill_training", "deepseekv3", "deepseekv3_training", "diffusion_gemma"),
    *("diffusion_gemma_training", "gemma", "gemma3", "gemma3_training", "gemma4", "gemma4_v2", "gemma4_v3"),
    *("gemma4_v4", "gemma4_v5", "gemma_training", "glm4moe", "glm4moe_training", "gptoss", "gptoss_training"),
    *("idefics3", "idefics3_training", "lfm2", "lfm2_2_5", "lfm2_2_5_v2", "lfm2_2_5_vl", "lfm2_training"),
    *("lfm2_v2", "lfm2_v2_training", "llama3", "llama3_1", "llama3_2", "llama3_training", "llava_next"),
    *("llava_next_training", "muse_glimmer", "muse_glimmer_training", "nemotron_3_5_lightning"),
    *("nemotron_3_5_lightning_training", "nemotron_3_nano", "nemotron_3_nano_training", "nemotron_3_super"),
    *("nemotron_3_super_training", "nemotron_3_ultra", "nemotron_3_ultra_training", "phi3", "phi3_5"),
    *("phi3_5_training", "phi3_training", "qwen2_5", "qwen2_5_training", "qwen2_5_vl", "qwen2_5_vl_training"),
    *("qwen3", "qwen3_5_nothink", "qwen3_5_nothink_training", "qwen3_5_think", "qwen3_5_think_training", "qwen3_6"),
    *("qwen3_6_training", "qwen3_8", "qwen3_8_training", "qwen3_instruct_2507", "qwen3_instruct_2507_training"),
    *("qwen3_training", "qwen3_vl", "qwen3_vl_training", "smolvlm", "smolvlm_training"),
)
# variables of a template that come from the conversation or from the tokenizer
GIVEN = {
    *("messages", "tools", "documents", "add_generation_prompt", "continue_final_message", "chat_template"),
    *("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"),
}


def is_file(named: str) -> bool:
    """Tell whether a `chat_template` is a file of the user, and no name."""
    return "/" in named or named.endswith((".jinja", ".j2"))


def _check_architecture(config: Draft, path: tuple, model: Draft) -> Found:
    if model.source == "random" and "model_type" not in model.architecture:
        yield Problem((*path, "architecture", "model_type"), "is required, for example llama")


def _check_template(config: Draft, path: tuple, model: Draft) -> Found:
    named = model.get("chat_template")
    if named is not None and not is_file(named) and named not in (*OWN, *TRL):
        known = (*OWN, *TRL)
        text = refuse_name(f"there is no bundled template {show(named)}", named, known)
        yield Problem((*path, "chat_template"), f"{text}; a file of yours ends in .jinja")


def _check_template_kwargs(config: Draft, path: tuple, model: Draft) -> Found:
    for name, value in model.chat_template_kwargs.items():
        here = (*path, "chat_template_kwargs", name)
        if not isinstance(name, str) or not name.isidentifier() or name in GIVEN:
            yield Problem(here, f"{show(name)} is no variable of a template that may be set")
        elif not _is_plain(value):
            yield Problem(here, refuse_value("must be text, a number, true, false, null, or a list of these", value))


def _is_plain(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return all(part is None or type(part) in (str, int, float, bool) for part in parts)


MODEL_CHECKS = (_check_architecture, _check_template, _check_template_kwargs)
