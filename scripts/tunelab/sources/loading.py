"""Load a model's parts as training will do, and say in a sentence why that cannot be.

Code that comes with a model is never run. Without `trust_remote_code=False` transformers would ask at the terminal.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from tunelab.errors import UserError
from tunelab.jobs.failures import explain_failure
from tunelab.jobs.job import report_progress
from tunelab.sources.weights import names_code
from tunelab.values import list_names


def check_model(folder: Path, key: str) -> None:
    """Raise `UserError` unless model and tokenizer load, whole, without code of their own, and can hold a chat.

    Shapes are compared without reading the weights, so this takes no memory.
    """
    with explain_loading(key, "the model", "Save it anew with `save_pretrained`, or choose another one."):
        model, found = AutoModelForCausalLM.from_pretrained(
            folder, device_map="meta", output_loading_info=True, trust_remote_code=False
        )
    check_complete(found, key)
    with explain_loading(key, "the tokenizer", "Save it anew with `save_pretrained`, or choose another model."):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        check_template(tokenizer, key)
    if names_code(folder):
        report_progress(
            f"{key}: code that comes with the model is not run; transformers' own {type(model).__name__} is used"
        )


def check_complete(found: dict, key: str) -> None:
    """Raise `UserError` if weights are missing; transformers would make them up at random."""
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"{key}: the weights lack {list_names(missing)}, which the model's config asks for. Copy or download the "
            "model again; config and weights must belong together."
        )


def check_template(tokenizer: PreTrainedTokenizerBase, key: str) -> None:
    """Raise `UserError` if there is no chat template, and whatever Jinja raises if it cannot be used."""
    if not tokenizer.chat_template:
        raise UserError(f"{key}: the tokenizer has no chat template; choose an instruction-tuned model.")
    tokenizer.apply_chat_template([{"role": "user", "content": "Hello"}], tokenize=False)


@contextlib.contextmanager
def explain_loading(key: str, what: str, remedy: str) -> Iterator[None]:
    """Turn whatever the libraries make of a damaged or foreign file into a sentence."""
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
