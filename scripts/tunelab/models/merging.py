"""Merge an adapter into its base model, and show that the merged model says the same."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from tunelab.errors import UserError
from tunelab.models import adapters, chat
from tunelab.models.room import count_room

# logits of the same float32 numbers added in another order; a wrong merge is off by whole units
TOLERANCE = 1e-2


def merge(
    base: Path, adapter: Path, rows: list[dict], template: Path | None = None
) -> tuple[Any, Any, dict[str, float]]:
    """Merge in float32 on the CPU; return the model, its tokenizer and the parity on the rows' conversations.

    Parity: the largest difference of a logit (`max_logit_difference`), and the share of tokens for which adapter and
    merged model would write the same next one (`same_token_share`).

    Raises:
        UserError: if the adapter's type cannot be merged, or the merged model answers differently.
    """
    model = adapters.load_trained_model(base, adapter, torch.device("cpu"), torch.float32)
    assert isinstance(model, PeftModel)
    kind = model.peft_config["default"].peft_type.value
    if not hasattr(model.base_model, "merge_and_unload"):
        raise UserError(f"{adapter} is of type {kind}, which has no weights to merge; use it as an adapter.")
    tokenizer = chat.load_tokenizer(base, template=template)
    room = count_room(base)  # a training may have cut its rows, so that they need not fit whole
    encoded = [chat.encode_conversation(tokenizer, row["messages"], room)["input_ids"] for row in rows]
    batches = [torch.tensor([ids]) for ids in encoded]
    with torch.inference_mode():
        apart = [model(input_ids=batch).logits for batch in batches]
        merged = _merge(model, f"{adapter} is of type {kind}")
        adapters.record_tying(merged)
        adapters.name_ends(merged, chat.list_ends(tokenizer))
        together = [merged(input_ids=batch).logits for batch in batches]
    difference = max((a - b).abs().max().item() for a, b in zip(apart, together, strict=True))
    same = torch.cat([(a.argmax(-1) == b.argmax(-1)).flatten() for a, b in zip(apart, together, strict=True)])
    if difference > TOLERANCE:
        raise UserError(f"The model merged from {adapter} differs from the adapter by {difference:.3g} in a logit.")
    return merged, tokenizer, {"max_logit_difference": difference, "same_token_share": same.float().mean().item()}


def _merge(model: PeftModel, what: str) -> Any:
    """Merge as PEFT does, and say in a sentence why that cannot be."""
    try:
        return model.merge_and_unload(safe_merge=True)
    except (NotImplementedError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{what}, which PEFT cannot merge here ({' '.join(str(error).split())[:200]}); use it as an adapter."
        ) from error
