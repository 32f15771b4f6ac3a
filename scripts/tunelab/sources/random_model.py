"""Create an untrained model with a byte-level tokenizer, to try the complete workflow in seconds.

The tokenizer has one token per byte, so it writes every text and knows no language. The chat template is ChatML as
Qwen and SmolLM use it, without their default system prompt.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedTokenizerFast

from tunelab.config.specs.sources import RandomModel
from tunelab.errors import UserError
from tunelab.sources.loading import explain_loading
from tunelab.values import list_names

START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def fetch(spec: RandomModel, key: str, work: Path, folder: Path) -> dict:
    """Create the model in `folder`."""
    create_model(spec, key, folder)
    return {}


def create_model(spec: RandomModel, key: str, folder: Path) -> None:
    """Write model and tokenizer to `folder`; the seed decides the weights alone."""
    tokenizer = build_tokenizer()
    change = "Change the fields of `architecture`; config/smoke.yaml has some that go together."
    with explain_loading(f"{key}.architecture", "a model of these fields", change), torch.random.fork_rng(devices=[]):
        config = build_config(spec, key, tokenizer)
        torch.manual_seed(spec.seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.inference_mode():
            model(input_ids=torch.tensor([[0, 1]]))  # fails if shapes do not go together
    model.save_pretrained(folder, max_shard_size="1TB")
    tokenizer.save_pretrained(folder)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Build a tokenizer whose first 256 tokens are the bytes, without merges."""
    alphabet = {symbol: number for number, symbol in enumerate(sorted(ByteLevel.alphabet()))}
    backend = Tokenizer(BPE(vocab=alphabet, merges=[]))
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = ByteLevelDecoder()
    # padding differs from the end token, so that a loss without padding still counts the end of an answer
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=END, pad_token=PAD, additional_special_tokens=[START]
    )
    tokenizer.chat_template = CHATML
    return tokenizer


def build_config(spec: RandomModel, key: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedConfig:
    """Build the model's config from `architecture`; raise `UserError` for fields that its class does not have."""
    fields = dict(spec.architecture)
    try:
        known = AutoConfig.for_model(fields.pop("model_type", None))
    except ValueError as error:
        raise UserError(
            f"{key}.architecture.model_type: {spec.architecture.get('model_type')!r} is no architecture of "
            "transformers; llama and qwen2 are."
        ) from error
    unknown = [name for name in fields if not hasattr(known, name)]
    if unknown or "vocab_size" in fields:
        raise UserError(
            f"{key}.architecture: {type(known).__name__} has no field {list_names(unknown, quoted=False)}."
            if unknown
            else f"{key}.architecture.vocab_size: leave it out; the tokenizer decides it."
        )
    tokens = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    return AutoConfig.for_model(known.model_type, **fields, **tokens, vocab_size=len(tokenizer))
