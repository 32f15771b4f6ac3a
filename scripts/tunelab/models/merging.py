"""Merge an adapter into its base model, and check that the merged model computes the same logits."""

from collections import Counter
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper

from tunelab.errors import UserError
from tunelab.models import adapters, chat, inspection
from tunelab.models.context_length import count_positions_left
from tunelab.models.learnt_rows import read_row

# logits of the same float32 numbers added in another order; a wrong merge is off by whole units
TOLERANCE = 1e-2
# what PEFT raises where it cannot merge
REFUSALS = (RuntimeError, ValueError)


def merge(
    base: Path, adapter: Path, rows: list[dict], template: Path | None = None
) -> tuple[Any, Any, dict[str, float]]:
    """Merge in float32 on the CPU; return the model, its tokenizer and how closely it agrees with the adapter on rows.

    Agreement: the largest difference of a logit (`max_logit_difference`), and the share of tokens after which both have
    the same likeliest next token (`same_token_share`).

    Raises:
        UserError: if the adapter's type cannot be merged, or the merged model answers differently.
    """
    model = adapters.load_trained_model(base, adapter, torch.device("cpu"), torch.float32)
    assert isinstance(model, PeftModel)
    tokenizer = chat.load_tokenizer(base, template=template)
    most = count_positions_left(base)  # a training may have cut its rows, so that some may be longer
    batches = [torch.tensor([read_row(tokenizer, row).cut(most)["input_ids"]]) for row in rows]
    with torch.inference_mode():
        apart = [model(input_ids=batch).logits for batch in batches]
        try:
            merged = merge_weights(model)
        except REFUSALS as error:
            kind = model.peft_config["default"].peft_type.value
            raise UserError(
                f"{adapter} is of type {kind}, which {_say_refused(error)}; use it as an adapter."
            ) from error
        adapters.record_tying(merged)
        adapters.name_ends(merged, chat.list_ends(tokenizer))
        together = [merged(input_ids=batch).logits for batch in batches]
    difference = max((a - b).abs().max().item() for a, b in zip(apart, together, strict=True))
    same = torch.cat([(a.argmax(-1) == b.argmax(-1)).flatten() for a, b in zip(apart, together, strict=True)])
    if difference > TOLERANCE:
        raise UserError(f"The model merged from {adapter} differs from the adapter by {difference:.3g} in a logit.")
    return merged, tokenizer, {"max_logit_difference": difference, "same_token_share": same.float().mean().item()}


def check_mergeable(base: Path, run: str, adapter: dict[str, Any]) -> None:
    """Raise `UserError` if PEFT cannot merge a run's adapter, as far as a model without weights shows."""
    try:
        merge_weights(inspection.adapt_empty(inspection.build_empty(base), base, adapter), safe=False)
    except REFUSALS as error:
        if not inspection.lacks_weights(error):
            text = f"runs.{run}.adapter: {_say_refused(error)}, so that no merged model can be made of the run"
            raise UserError(f"{text}; ask for its adapter, or train another one.") from error


def _say_refused(error: Exception) -> str:
    return f"PEFT cannot merge here ({' '.join(str(error).split())[:200].rstrip('.')})"


def merge_weights(model: PeftModel, safe: bool = True) -> Any:
    """Merge layer by layer, as PEFT does; raise one of REFUSALS if it cannot.

    Args:
        safe: whether to check the merged weights for NaN, for which the model must have weights.
    """
    if not hasattr(model.base_model, "merge_and_unload"):
        raise ValueError("a prefix or prompt changes no weights")
    _put_copies_in_place(model)
    _part_shared(model)
    return model.merge_and_unload(safe_merge=safe)


def _put_copies_in_place(model: PeftModel) -> None:
    """Replace modules by their trained copies; PEFT does so only with modules that have a weight of their own."""
    wrapped = [(name, module) for name, module in model.named_modules() if isinstance(module, ModulesToSaveWrapper)]
    for name, module in reversed(wrapped):  # the innermost first
        model.set_submodule(name, module.modules_to_save["default"])


def _part_shared(model: PeftModel) -> None:
    """Give layers weights of their own where a merge would change shared ones, and where layers are copies."""
    held = Counter(weight for _, weight in model.named_parameters(remove_duplicate=False))
    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    adapted = {weight for layer in layers for weight in layer.get_base_layer().parameters(recurse=False)}
    table = model.get_base_model().get_input_embeddings().weight
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if held[weight] > 1 and (weight in adapted or weight is not table):
                setattr(module, name, torch.nn.Parameter(weight.detach().clone(), requires_grad=False))
