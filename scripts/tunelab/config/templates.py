"""Chat templates that a model's `chat_template` may name: this project's own and those that TRL brings."""

OWN = ("chatml", "deepseek_r1_distill_nothink", "plain")
# those of the pinned version, which a test compares; TRL itself is not imported to check a config
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
# variables of a template that are given by what is rendered, or by the tokenizer
GIVEN = {
    *("messages", "tools", "documents", "add_generation_prompt", "continue_final_message", "chat_template"),
    *("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"),
}


def is_file(named: str) -> bool:
    """Tell whether a `chat_template` is a file of the user's rather than a name."""
    return "/" in named or named.endswith((".jinja", ".j2"))
