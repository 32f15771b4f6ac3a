"""Models of the user's disk and models made up for a trial, as the plain folder that everything else loads."""

import json
import re
import shutil
from pathlib import Path

import pytest
from fetch_model import main

from tunelab.config.specs.sources import HubSettings, LocalModel, RandomModel
from tunelab.errors import UserError
from tunelab.records import hash_file, read_json

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
    from tunelab.sources.random_model import build_tokenizer

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
    "fields",
    [
        {"model_type": "t5"},
        {"model_type": "vit"},
        {"model_type": "llama", **SIZES, "num_attention_heads": 3},
        {"model_type": "llama", **SIZES, "num_attention_heads": 0},
        {"model_type": "llama", **SIZES, "hidden_size": "wide"},
        {"model_type": "gpt2", "n_embd": 16, "n_head": 3, "n_layer": 1},
    ],
    ids=["encoder and decoder", "of pictures", "heads", "no heads", "text", "heads of gpt2"],
)
def test_a_random_model_that_cannot_be_is_a_sentence(tmp_path, fields):
    with pytest.raises(UserError, match=r"^models\.tiny\.architecture: a model of these fields cannot be") as refusal:
        fetch(tmp_path, RandomModel(source="random", architecture=fields))
    assert "Change the fields of `architecture`" in str(refusal.value) and len(str(refusal.value)) < 500
    assert not (tmp_path / "model").exists()


def test_a_model_that_sees_what_follows_a_token_is_refused(tmp_path):
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    with pytest.raises(UserError, match=r"^models\.tiny: 'bert' is no causal language model"):
        fetch(tmp_path, RandomModel(source="random", architecture={"model_type": "bert", **sizes}))
    fetch(tmp_path, RandomModel(source="random", architecture={"model_type": "bert", "is_decoder": True, **sizes}))


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
    for name in ("training_args.bin", "pytorch_model.bin", "modeling_mine.py", "consolidated.safetensors"):
        (tmp_path / "source" / "model" / name).write_bytes(b"never opened")
    (tmp_path / "source" / "model" / "subfolder.json").mkdir()
    spec = LocalModel(source="local", path=str(tmp_path / "source" / "model"), licence="MIT")
    card = fetch(tmp_path / "linked", spec)
    linked = tmp_path / "linked" / "model"
    assert len(card["files"]) == 6 and all((linked / file["path"]).is_symlink() for file in card["files"])
    assert all(hash_file(linked / file["path"]) == file["sha256"] for file in card["files"])
    assert {path.suffix for path in linked.iterdir()} == {".json", ".jinja", ".safetensors"}
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


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A whole model of the user's, to be copied and broken."""
    place = tmp_path_factory.mktemp("tiny")
    fetch(place, build_random())
    return place / "model"


@pytest.fixture
def mine(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "mine")


def refuse(mine: Path) -> str:
    """Return the sentence with which the folder is refused; nothing stays of the attempt."""
    out = mine.parent / "out"
    with pytest.raises(UserError) as refusal:
        fetch(out, LocalModel(source="local", path=str(mine)))
    assert list(out.iterdir()) == []
    return str(refusal.value).replace(str(mine), "mine")


def change_config(folder: Path, name: str = "config.json", **fields) -> None:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | fields))


def keep_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def split_weights(folder: Path, **names: str) -> None:
    """Make two shards of the weights, and an index that names them, or others, in their place."""
    from safetensors.numpy import load_file, save_file

    tensors = sorted(load_file(folder / "model.safetensors").items())
    (folder / "model.safetensors").unlink()
    shards = {"a.safetensors": tensors[:5], "b.safetensors": tensors[5:]}
    weight_map = {}
    for shard, held in shards.items():
        save_file(dict(held), folder / shard, metadata={"format": "pt"})
        weight_map |= {name: names.get(shard[0], shard) for name, _ in held}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


BROKEN = {
    "weights cut off": (
        lambda folder: keep_half(folder / "model.safetensors"),
        "'mine/model.safetensors' is damaged or cut off (Error while deserializing header: incomplete metadata, file "
        "not fully covered). Copy or download it again.",
    ),
    "no weights in the file": (
        lambda folder: (folder / "model.safetensors").write_bytes(b""),
        "'mine/model.safetensors' is damaged or cut off (Error while deserializing header: header too small). Copy or "
        "download it again.",
    ),
    "a pickle under another name": (
        lambda folder: (folder / "model.safetensors").write_bytes(b"\x80\x02cos\nsystem\nq\x00."),
        "'mine/model.safetensors' is damaged or cut off (Error while deserializing header: header too large). Copy or "
        "download it again.",
    ),
    "Git LFS's note": (
        lambda folder: (folder / "model.safetensors").write_text(
            "version https://git-lfs.github.com/spec/v1\nsize 9\n"
        ),
        "'mine/model.safetensors' is only Git LFS's note of it (run `git lfs pull`). Copy or download it again.",
    ),
    "weights under another name": (
        lambda folder: (folder / "model.safetensors").rename(folder / "consolidated.safetensors"),
        "there is no model.safetensors and no model.safetensors.index.json, only 'consolidated.safetensors'. Rename or "
        "save the weights anew.",
    ),
    "a shard that is missing": (
        lambda folder: split_weights(folder, b="c.safetensors"),
        "model.safetensors.index.json names 'c.safetensors', and there is no such file. Copy the whole folder.",
    ),
    "a shard outside the folder": (
        lambda folder: split_weights(folder, b="../b.safetensors"),
        "model.safetensors.index.json names files outside the folder ('../b.safetensors'), which are not read.",
    ),
    "a shard cut off": (
        lambda folder: [split_weights(folder), keep_half(folder / "b.safetensors")],
        "'mine/b.safetensors' is damaged or cut off (Error while deserializing header: incomplete metadata, file not "
        "fully covered). Copy or download it again.",
    ),
    "an index that is none": (
        lambda folder: [split_weights(folder), (folder / "model.safetensors.index.json").write_text('{"weights": 1}')],
        "model.safetensors.index.json is no index of weights (\"'weight_map'\"). Copy it again.",
    ),
    "quantised weights": (
        lambda folder: change_config(folder, quantization_config={"quant_method": "gptq", "bits": 4}),
        "config.json says that the weights are quantised ('gptq'), and such weights can be neither trained nor merged "
        "here. Choose the model's unquantised repository; a run's own `quantization` holds it in 4 or 8 bits.",
    ),
    "quantised weights of a part": (
        lambda folder: change_config(folder, text_config={"quantization_config": {"quant_method": "awq"}}),
        "config.json says that the weights are quantised ('awq'), and such weights can be neither trained nor merged "
        "here. Choose the model's unquantised repository; a run's own `quantization` holds it in 4 or 8 bits.",
    ),
    "an adapter beside the weights": (
        lambda folder: (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "../other"}'),
        "the folder has an adapter_config.json, so transformers would load an adapter, and whatever model it names, in "
        "place of this one. Give the folder of the base model, or merge the adapter into it.",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_local_model_of_broken_weights_is_refused_when_it_is_fetched(mine, case):
    damage, sentence = BROKEN[case]
    damage(mine)
    assert refuse(mine) == f"models.tiny: {sentence}"


def test_a_local_model_with_a_link_to_nowhere_is_refused(mine):
    (mine / "tokenizer.json").unlink()
    (mine / "tokenizer.json").symlink_to("blobs/0123")
    assert refuse(mine) == "models.tiny.path: 'mine/tokenizer.json' leads to 'blobs/0123', which is not there."


def test_a_local_model_in_shards_is_linked_whole_and_loads(mine, tmp_path):
    from tunelab.sources.loading import check_model

    split_weights(mine)
    card = fetch(tmp_path / "out", LocalModel(source="local", path=str(mine)))
    assert {"a.safetensors", "b.safetensors"} < {file["path"] for file in card["files"]}
    check_model(tmp_path / "out" / "model", "models.tiny")


CODE = {"AutoConfig": "modeling_mine.Config", "AutoModelForCausalLM": "modeling_mine.Model"}
TRUST = (
    "can only be loaded by running code that comes with it (`auto_map` in its config), and that is never done here. "
    "Choose a model of an architecture that transformers knows by itself."
)
NEW_MODEL = "Save it anew with `save_pretrained`, or choose another one."
NEW_TOKENIZER = "Save it anew with `save_pretrained`, or choose another model."
UNLOADABLE = {
    "code of an unknown type": (
        lambda folder: change_config(folder, model_type="mine", auto_map=CODE),
        f"the model {TRUST}",
    ),
    "code of a repository on the Hub": (
        lambda folder: change_config(folder, model_type="mine", auto_map={"AutoConfig": "a/b--code.Config"}),
        f"the model {TRUST}",
    ),
    "code of a type that is known for other things": (
        lambda folder: change_config(folder, model_type="vit", auto_map=CODE),
        f"the model {TRUST}",
    ),
    "code of a tokenizer": (
        lambda folder: change_config(
            folder,
            "tokenizer_config.json",
            tokenizer_class="Mine",
            auto_map={"AutoTokenizer": ["modeling_mine.A", None]},
        ),
        f"the tokenizer {TRUST}",
    ),
    "no type": (
        lambda folder: (folder / "config.json").write_text("{}"),
        "the model cannot be loaded (ValueError: Unrecognized model in mine. Should have a `model_type` key in its "
        f"config.json.). {NEW_MODEL}",
    ),
    "a config cut off": (
        lambda folder: (folder / "config.json").write_text('{"model_type": '),
        "the model cannot be loaded (OSError: It looks like the config file at 'mine/config.json' is not a valid JSON "
        f"file.). {NEW_MODEL}",
    ),
    "weights of a smaller model": (
        lambda folder: change_config(folder, num_hidden_layers=3),
        "the weights lack 'model.layers.2.input_layernorm.weight', 'model.layers.2.mlp.down_proj.weight', "
        "'model.layers.2.mlp.gate_proj.weight', 'model.layers.2.mlp.up_proj.weight', "
        "'model.layers.2.post_attention_layernorm.weight' and 4 more, which the model's config asks for. Copy or "
        "download the model again; config and weights must belong together.",
    ),
    "weights of another width": (
        lambda folder: change_config(folder, hidden_size=32),
        "the weights 'lm_head.weight', 'model.embed_tokens.weight', 'model.layers.0.input_layernorm.weight', "
        "'model.layers.0.mlp.down_proj.weight', 'model.layers.0.mlp.gate_proj.weight', "
        "'model.layers.0.mlp.up_proj.weight' and 15 more have other shapes than the model's config asks for. Copy or "
        "download the model again; config and weights must belong together.",
    ),
    "weights of a larger model": (
        lambda folder: change_config(folder, num_hidden_layers=1),
        "the weights have 'model.layers.1.input_layernorm.weight', 'model.layers.1.mlp.down_proj.weight', "
        "'model.layers.1.mlp.gate_proj.weight', 'model.layers.1.mlp.up_proj.weight', "
        "'model.layers.1.post_attention_layernorm.weight' and 4 more, and the model's config asks for fewer layers. "
        "Copy or download the model again; config and weights must belong together.",
    ),
    "weights in 8 bits that no config speaks of": (
        lambda folder: round_weights(folder),
        "model.safetensors holds 'model.layers.0.mlp.up_proj.weight' as I8, so the weights are quantised, and such "
        "weights can be neither trained nor merged here. Choose the model's unquantised repository.",
    ),
    "a generation config cut off": (
        lambda folder: (folder / "generation_config.json").write_text('{"eos_token_id": '),
        "generation_config.json is no JSON ('Expecting value: line 1 column 18 (char 17)'). Copy or download it again.",
    ),
    "no tokenizer": (
        lambda folder: [(folder / name).unlink() for name in ("tokenizer.json", "tokenizer_config.json")],
        "the tokenizer cannot be loaded (ValueError: Couldn't instantiate the backend tokenizer from one of: (1) a "
        "`tokenizers` library serialization file, (2) a slow tokenizer instance to convert or (3) an equivalent slow "
        f"tokenizer class to instantiate). {NEW_TOKENIZER}",
    ),
    "a tokenizer cut off": (
        lambda folder: (folder / "tokenizer.json").write_text('{"version": '),
        "the tokenizer cannot be loaded (JSONDecodeError: Expecting value: line 1 column 13 (char 12)). "
        f"{NEW_TOKENIZER}",
    ),
    "a tokenizer with more tokens than the model": (
        lambda folder: add_token(folder),
        "the tokenizer has tokens up to number 259, and the model has embeddings of 259. Tokenizer and model must "
        "belong together; enlarge the model with `resize_token_embeddings` and save it.",
    ),
}


def round_weights(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    file, name = folder / "model.safetensors", "model.layers.0.mlp.up_proj.weight"
    tensors = load_file(file)
    save_file(tensors | {name: tensors[name].astype("int8")}, file, metadata={"format": "pt"})


def add_token(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<extra>"])
    tokenizer.save_pretrained(folder)


def add_code(folder: Path) -> Path:
    """Add code to a model that leaves a trace when it runs, and return where."""
    trace = folder.parent / "trace"
    (folder / "modeling_mine.py").write_text(f"open({str(trace)!r}, 'w')\nclass Config: pass\nclass Model: pass\n")
    return trace


@pytest.mark.parametrize("case", UNLOADABLE)
def test_a_model_that_cannot_be_loaded_is_refused_and_its_code_does_not_run(mine, case):
    from tunelab.sources.loading import check_model

    damage, sentence = UNLOADABLE[case]
    trace = add_code(mine)
    damage(mine)
    with pytest.raises(UserError) as refusal:
        check_model(mine, "models.tiny")
    assert str(refusal.value).replace(str(mine), "mine") == f"models.tiny: {sentence}"
    assert not trace.exists()


def test_a_model_of_a_known_type_is_loaded_without_the_code_that_it_brings(mine, capsys):
    from tunelab.sources.loading import check_model

    check_model(mine, "models.tiny")
    assert "code" not in capsys.readouterr().out
    trace = add_code(mine)
    change_config(mine, auto_map=CODE)
    check_model(mine, "models.tiny")
    assert capsys.readouterr().out.splitlines()[-1] == (
        "models.tiny: code that comes with the model is not run; transformers' own LlamaForCausalLM is used"
    )
    assert not trace.exists()


def test_no_file_of_the_project_trusts_code_from_elsewhere():
    scripts = Path(__file__).parents[3] / "scripts"
    texts = {path.name: path.read_text(encoding="utf-8") for path in scripts.rglob("*.py")}
    found = {name: re.findall(r"trust_remote_code\W{1,4}(\w+)", text) for name, text in texts.items()}
    assert {name: words for name, words in found.items() if "True" in words or "1" in words} == {}
    assert found["loading.py"].count("False") == 3
    assert [
        name for name, text in texts.items() if re.search(r"\b(pickle\.loads?|torch\.load|joblib\.load|exec)\(", text)
    ] == ["own_functions.py"]  # files of functions that the config names
