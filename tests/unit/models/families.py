"""Tokenizers that wear the chat templates and control tokens of model families, on a vocabulary of letters or bytes."""

import re

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl import chat_template_utils as trl

from tunelab.models import settling
from tunelab.models.templates import render
from tunelab.sources.random_model import build_tokenizer

# as Llama 2 ships it, without its tests of the roles
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% endif %}{% endfor %}"
)
# family: template, control tokens, end-of-sequence token, whether its tokenizer is SentencePiece's
FAMILIES = {
    "llama2": (LLAMA2, ["<s>", "</s>"], "</s>", True),
    "llama3": (
        trl.llama3_chat_template,
        ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"],
        "<|end_of_text|>",
        False,
    ),
    "llama3.2": (
        trl.llama3_2_chat_template,
        ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"],
        "<|eot_id|>",
        False,
    ),
    "qwen2.5": (trl.qwen2_5_chat_template, ["<|im_start|>", "<|im_end|>", "<|endoftext|>"], "<|im_end|>", False),
    "qwen3": (trl.qwen3_chat_template, ["<|im_start|>", "<|im_end|>", "<|endoftext|>"], "<|im_end|>", False),
    "gemma": (trl.gemma_chat_template, ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], "<eos>", True),
    "mistral": (MISTRAL, ["<s>", "</s>"], "</s>", True),
    "phi3": (
        trl.phi3_chat_template,
        ["<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
        "<|endoftext|>",
        True,
    ),
    "r1": (
        trl.deepseek_r1_distill_chat_template,
        [
            "<\uff5cbegin▁of▁sentence\uff5c>",
            "<\uff5cend▁of▁sentence\uff5c>",
            "<\uff5cUser\uff5c>",
            "<\uff5cAssistant\uff5c>",
        ],
        "<\uff5cend▁of▁sentence\uff5c>",
        False,
    ),
    "gpt2": (None, ["<|endoftext|>"], "<|endoftext|>", False),
}
BEGINNINGS = {"<s>", "<|begin_of_text|>", "<bos>", "<\uff5cbegin▁of▁sentence\uff5c>"}


def build_family(name: str) -> PreTrainedTokenizerFast:
    """Build a family's tokenizer; none of them pads with a token of its own."""
    template, control, end, pieces = FAMILIES[name]
    tokenizer = build_pieces() if pieces else PreTrainedTokenizerFast(tokenizer_object=build_bytes())
    tokenizer.add_tokens(control, special_tokens=True)
    tokenizer.eos_token = end
    tokenizer.bos_token = next((token for token in control if token in BEGINNINGS), None)
    tokenizer.chat_template = template
    return tokenizer


def wear_template(name: str) -> PreTrainedTokenizerFast:
    """Build a tokenizer for a bundled template, with whatever stands in angle brackets as control tokens."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=build_bytes(), bos_token="<bos>", eos_token="<eos>")
    tokenizer.chat_template = settling.find_template(name).read_text(encoding="utf-8")
    text = render(tokenizer, [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!", "thinking": "."}])
    control = re.findall(r"<[^<>\s]+>", text)
    tokenizer.add_tokens([token for token in control if "think>" not in token], special_tokens=True)
    ends = re.findall(r"<[^<>\s]+>", text.rpartition("!")[2])
    tokenizer.eos_token = ends[-1] if ends else "<eos>"
    return tokenizer


def build_bytes() -> Tokenizer:
    """Build a byte-level tokenizer without added tokens."""
    backend = Tokenizer(models.BPE(vocab=build_tokenizer().backend_tokenizer.get_vocab(False), merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend


def build_pieces() -> PreTrainedTokenizerFast:
    """Build a tokenizer that marks the beginning of a text and of every word, as SentencePiece does."""
    letters = [chr(code) for code in range(33, 127)] + ["\n", "\u2581"]
    vocab = {letter: number for number, letter in enumerate(["<unk>", *letters])}
    backend = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    backend.decoder = decoders.Metaspace(prepend_scheme="first", split=False)
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
