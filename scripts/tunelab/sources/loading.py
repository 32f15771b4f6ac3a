"""Check that a fetched model and its tokenizer load as training will load them.

Code that comes with a model is never run. `trust_remote_code=False` is written out, because otherwise transformers
asks at the terminal.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tunelab.errors import UserError
from tunelab.jobs.failures import explain_failure
from tunelab.jobs.job import report_progress
from tunelab.sources.weights import check_json, check_numbers, names_code
from tunelab.values import list_names


def check_model(folder: Path, key: str) -> None:
    """Raise `UserError` unless model and tokenizer load completely, without code of their own, and go together.

    Shapes are compared without reading the weights, which takes no memory.
    """
    with explain_loading(key, "the model", "Save it anew with `save_pretrained`, or choose another one."):
        model, found = AutoModelForCausalLM.from_pretrained(
            folder,
            device_map="meta",
            output_loading_info=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # told by `check_complete`
        )
    check_complete(found, key)
    check_layers(found, set(model.state_dict()), key)
    check_numbers(folder, key)
    check_causal(model.config, key)
    with explain_loading(key, "the tokenizer", "Save it anew with `save_pretrained`, or choose another model."):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    check_vocabulary(model, tokenizer, key)
    check_json(folder, key)
    if names_code(folder):
        report_progress(
            f"{key}: code that comes with the model is not run; transformers' own {type(model).__name__} is used"
        )


def check_complete(found: dict, key: str) -> None:
    """Raise `UserError` if weights are missing or have other shapes; transformers would initialise them at random."""
    if others := sorted(name for name, *_ in found["mismatched_keys"]):
        raise UserError(
            f"{key}: the weights {list_names(others)} have other shapes than the model's config asks for. Copy or "
            "download the model again; config and weights must belong together."
        )
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"{key}: the weights lack {list_names(missing)}, which the model's config asks for. Copy or download the "
            "model again; config and weights must belong together."
        )


def check_layers(found: dict, names: set[str], key: str) -> None:
    """Raise `UserError` if there are weights of more layers than the config has; the further ones would be ignored."""
    known = {re.sub(r"\d+", "0", name) for name in names}
    if beyond := sorted(name for name in found["unexpected_keys"] if re.sub(r"\d+", "0", name) in known):
        raise UserError(
            f"{key}: the weights have {list_names(beyond)}, and the model's config asks for fewer layers. Copy or "
            "download the model again; config and weights must belong together."
        )


def check_causal(config: PreTrainedConfig, key: str) -> None:
    """Raise `UserError` if a model of this config is a masked language model, which sees the tokens that follow."""
    if type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False):
        raise UserError(
            f"{key}: {config.model_type!r} is no causal language model, which writes one token after the other; llama "
            "and qwen2 are. Choose another model."
        )


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, key: str) -> None:
    """Raise `UserError` if the tokenizer has tokens without an embedding in the model."""
    rows, last = model.get_input_embeddings().weight.shape[0], max(tokenizer.get_vocab().values())
    if last >= rows:
        raise UserError(
            f"{key}: the tokenizer has tokens up to number {last}, and the model has embeddings of {rows}. Tokenizer "
            "and model must belong together; enlarge the model with `resize_token_embeddings` and save it."
        )


@contextlib.contextmanager
def explain_loading(key: str, what: str, remedy: str) -> Iterator[None]:
    """Raise `UserError` for whatever the libraries raise inside the block about a damaged or foreign file."""
    try:
        yield
    except BaseException as error:
        # what libraries in Rust raise is no Exception
        panic = type(error).__name__ == "PanicException"
        if not (panic or isinstance(error, Exception)) or (not panic and explain_failure(error)):
            raise
        reason = " ".join(str(error).split())[:200]
        if "trust_remote_code" in str(error):
            raise UserError(
                f"{key}: {what} can only be loaded by running code that comes with it (`auto_map` in its config), and "
                "that is never done here. Choose a model of an architecture that transformers knows by itself."
            ) from error
        raise UserError(f"{key}: {what} cannot be loaded ({type(error).__name__}: {reason}). {remedy}") from error
