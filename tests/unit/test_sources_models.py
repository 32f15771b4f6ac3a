"""Models of the user's disk and models made up for a trial, as the plain folder that everything else loads."""

from pathlib import Path

import pytest
from fetch_model import main

from tunelab.errors import UserError
from tunelab.records import hash_file, read_json
from tunelab.specs import HubSettings, LocalModel, RandomModel

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def fetch(place: Path, spec) -> dict:
    main(place / "card.json", place / "model", "tiny", spec, HubSettings(), place / "work")
    return read_json(place / "card.json")


def build_random(model_type: str = "llama", seed: int = 0, **fields) -> RandomModel:
    return RandomModel(source="random", architecture={"model_type": model_type, **SIZES, **fields}, seed=seed)


@pytest.mark.parametrize("model_type", ["llama", "qwen2"])
def test_a_random_model_loads_generates_and_speaks_chatml(tmp_path, model_type):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    card = fetch(tmp_path, build_random(model_type))
    assert card["model"] == "tiny" and card["revision"] is None and card["source"]["source"] == "random"
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert model.config.model_type == model_type
    assert model.config.vocab_size == len(tokenizer) == 259
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    for settings in (model.config, model.generation_config):
        assert (settings.eos_token_id, settings.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    chat = [{"role": "system", "content": "回答问题"}, {"role": "user", "content": "1 + 1?"}]
    text = "<|im_start|>system\n回答问题<|im_end|>\n<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == text
    assert tokenizer.apply_chat_template(chat[1:], tokenize=False) == "<|im_start|>user\n1 + 1?<|im_end|>\n"
    tokens = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    assert tokens["input_ids"].tolist() == [tokenizer(text).input_ids]
    assert model.generate(**tokens, max_new_tokens=3, min_new_tokens=3, do_sample=False).shape[1] == (
        tokens["input_ids"].shape[1] + 3
    )


def test_every_byte_is_a_token_and_comes_back(tmp_path):
    from tunelab.sources.tiny import build_tokenizer

    tokenizer = build_tokenizer()
    text = "  Größe 你好 🙂\n\n12 <|im_end|>\t"
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert len(tokenizer("你好").input_ids) == 6
    assert tokenizer("<|im_start|>a<|im_end|>").input_ids[::2] == [258, 256]


def test_the_seed_decides_the_weights(tmp_path):
    cards = [fetch(tmp_path / name, build_random(seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    hashes = [{file["path"]: file["sha256"] for file in card["files"]}["model.safetensors"] for card in cards]
    assert hashes[0] == hashes[1] != hashes[2]
    assert cards[0] == cards[1]


def test_making_a_random_model_leaves_the_random_state_alone(tmp_path):
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fetch(tmp_path, build_random(seed=1))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"hiden_size": 8}, r"models\.tiny\.architecture: LlamaConfig has no field hiden_size"),
        ({"vocab_size": 8}, r"models\.tiny\.architecture\.vocab_size: leave it out"),
        ({"model_type": "lama"}, r"models\.tiny\.architecture\.model_type: 'lama' is no architecture"),
    ],
)
def test_a_misspelled_architecture_is_refused_and_leaves_nothing(tmp_path, fields, sentence):
    spec = RandomModel(source="random", architecture={"model_type": "llama", **SIZES, **fields})
    with pytest.raises(UserError, match=sentence):
        fetch(tmp_path, spec)
    assert not (tmp_path / "model").exists() and not (tmp_path / "card.json").exists()


def test_a_local_model_is_linked_and_hashed(tmp_path):
    from transformers import AutoModelForCausalLM

    fetch(tmp_path / "source", build_random())
    (tmp_path / "source" / "model" / "training_args.bin").write_bytes(b"")
    (tmp_path / "source" / "model" / "subfolder").mkdir()
    spec = LocalModel(source="local", path=str(tmp_path / "source" / "model"), licence="MIT")
    card = fetch(tmp_path / "linked", spec)
    linked = tmp_path / "linked" / "model"
    assert len(card["files"]) == 6 and all((linked / file["path"]).is_symlink() for file in card["files"])
    assert all(hash_file(linked / file["path"]) == file["sha256"] for file in card["files"])
    assert "training_args.bin" not in {file["path"] for file in card["files"]}
    assert card["licence"] == "MIT"
    AutoModelForCausalLM.from_pretrained(linked)


def test_a_local_model_of_pickled_or_no_weights_or_config_is_refused(tmp_path):
    folder = tmp_path / "mine"
    spec = LocalModel(source="local", path=str(folder))
    with pytest.raises(UserError, match=r"models\.tiny\.path: .* does not exist"):
        fetch(tmp_path / "out", spec)
    folder.mkdir()
    with pytest.raises(UserError, match=r"has no config\.json"):
        fetch(tmp_path / "out", spec)
    (folder / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"no \*\.safetensors weights"):
        fetch(tmp_path / "out", spec)
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"pickled \(pytorch_model\.bin\), a format that can run code"):
        fetch(tmp_path / "out", spec)
    assert not (tmp_path / "out" / "model").exists()
