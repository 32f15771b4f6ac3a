"""Judge what a run asks of single tokens, and of the embedding, once its model's are known."""

from collections.abc import Iterator
from typing import Any

from tunelab.config.drafts import Problem
from tunelab.config.matching import check_numbers, is_meant
from tunelab.config.wording import show

Found = Iterator[Problem]
FIELDS = ("token_indices", "trainable_token_indices", "alora_invocation_tokens")
# types whose prompt stands before the embedded tokens
PROMPTS = ("PROMPT_TUNING", "P_TUNING")


def check_tokens(here: tuple, adapter: dict[str, Any], parts: dict[str, Any]) -> Found:
    """See that the tokens are there, and that what is trained of them has part in what TRL learns from."""
    for field in FIELDS:
        asked = adapter.get(field)
        lists = {(field, name): one for name, one in asked.items()} if isinstance(asked, dict) else {(field,): asked}
        for path, numbers in lists.items():
            yield from check_numbers((*here, *path), numbers, parts["vocabulary"])
    table, named = parts["embedding"], adapter.get("trainable_token_indices")
    if adapter["peft_type"] == "TRAINABLE_TOKENS":
        yield from _check_table((*here, "target_modules"), adapter.get("target_modules"), parts)
        yield from _check_head((*here, "peft_type"), parts)
    elif named:
        for name in named if isinstance(named, dict) else ():
            yield from _check_table((*here, "trainable_token_indices", name), [name], parts)
        yield from _check_head((*here, "trainable_token_indices"), parts)
    if adapter["peft_type"] in PROMPTS and is_meant(table, adapter.get("modules_to_save")):
        text = f"beside a prompt, PEFT embeds all tokens by {table} as it was fetched, so that a trained one would do"
        yield Problem((*here, "modules_to_save"), f"{text} nothing; leave it out")


def _check_table(path: tuple, asked: Any, parts: dict[str, Any]) -> Found:
    """See that only the embedding is asked for: TRL cannot train tokens of the output layer."""
    others = [name for name in parts["modules"] if name != parts["embedding"] and is_meant(name, asked)]
    if others or asked == "all-linear":
        text = f"tokens can be trained in {parts['embedding']} alone (got {show(others[0] if others else asked)})"
        yield Problem(path, f"{text}; name that, or name the module in modules_to_save, which trains all of it")


def _check_head(path: tuple, parts: dict[str, Any]) -> Found:
    """TRL reads the weights of the output layer itself, without what an adapter changes in single rows."""
    if parts["tied"]:
        text = f"the output layer of this model shares the rows of {parts['embedding']}, and TRL would learn from rows"
        yield Problem(path, f"{text} that are not trained; name {parts['embedding']} in modules_to_save instead")
