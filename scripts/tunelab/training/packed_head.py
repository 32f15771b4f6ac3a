"""Compute the logprobs of labelled tokens on a CPU, from packed rows.

TRL's trainers ask a model for them by `model(..., labels=..., fused_lm_head=True)`. On a GPU, TRL's own kernel projects
the labelled positions only; on a CPU it projects all. `add_packed_head` answers the same call, in TRL's own protocol:
rows are packed, only the hidden states of labelled positions reach the head, and their gradient is computed in the
forward pass. Where that does not apply, TRL's head stays; `explain_unpacked` says why.
"""

import functools
import types
from typing import Any

import torch
from torch.nn import functional
from transformers import DynamicCache, Trainer
from trl.trainer.utils import FusedCausalLMOutput

from tunelab.models.packed_model import compute_hidden_states, explain_unscorable, find_base

ROWS = 256  # positions that are projected at a time; their logits, [ROWS, V] in float32, are the peak of memory
# arguments that packed rows allow; others would mean embeddings, positions or images
PACKED_INPUTS = {
    *("input_ids", "attention_mask", "labels", "past_key_values", "num_items_in_batch"),
    *("use_cache", "return_dict", "output_attentions", "output_hidden_states"),
}


class LabelLogProbs(torch.autograd.Function):
    """Compute logprob and entropy of labels under a frozen head, and whether each is the likeliest token.

    Only the logprobs have a gradient.
    """

    @staticmethod
    def forward(ctx, hidden_states, weight, labels, temperature):
        """Shapes: hidden_states [N, H], weight [V, H], labels [N]; returns three tensors of [N]."""
        found, grads = [], []
        for states, targets in zip(hidden_states.split(ROWS), labels.split(ROWS), strict=True):
            logits = functional.linear(states.to(weight.dtype), weight).float().div_(temperature)
            highest, best = logits.max(-1, keepdim=True)
            label_logits = logits.gather(1, targets[:, None]) - highest
            exps = logits.sub_(highest).exp()
            total = exps.sum(-1, keepdim=True)
            # the entropy is log Z less the mean of the logits
            mean = torch.bmm(exps[:, None], logits[:, :, None])[:, 0] / total
            found.append((label_logits - total.log(), total.log() - mean, best == targets[:, None]))
            if ctx.needs_input_grad[0]:
                expected = exps.div_(total).to(weight.dtype) @ weight  # by the probs
                grads.append((weight[targets].float() - expected.float()).div_(temperature))
        if grads:
            ctx.save_for_backward(torch.cat(grads))
        outputs = tuple(torch.cat(column)[:, 0] for column in zip(*found, strict=True))
        ctx.mark_non_differentiable(*outputs[1:])
        return outputs

    @staticmethod
    def backward(ctx, grad_logprobs, *_):
        (grad_hidden,) = ctx.saved_tensors
        return grad_logprobs[:, None] * grad_hidden, None, None, None


def explain_unpacked(trainer: Trainer) -> str | None:
    """Say why TRL's own head computes a trainer's logprobs; None if rows can be packed."""
    args = trainer.args
    settings = {
        "gradient_checkpointing": False,
        "cast_lm_head_to_fp32": False,
        "entropy_coef": 0.0,  # only log-probabilities have a gradient here
        "use_adaptive_entropy": False,
        "packing": False,
        "use_weighting": False,  # needs sums over the whole vocabulary
        "padding_free": False,
    }
    for name, plain in settings.items():
        if getattr(args, name, plain) not in (plain, None):
            return f"training.{name} is set"
    if args.world_size > 1:
        return "several processes share the training"
    if any(getattr(adapter, "velora_config", None) for adapter in getattr(trainer.model, "peft_config", {}).values()):
        return "the adapter learns by averages over the tokens of a batch"
    return explain_unscorable(trainer.model)


def add_packed_head(trainer: Trainer, temperature: float = 1.0, mean_logits: bool = False) -> None:
    """Have the trainer's model compute `fused_lm_head=True` from packed rows; TRL's head computes all other calls.

    Args:
        mean_logits: whether to return the mean of the logits as well, which some trainers log.
    """
    base = find_base(trainer.model)
    others = base.forward

    @functools.wraps(type(base).forward)  # `generate` asks for the signature
    def forward(self, *args: Any, fused_lm_head: bool = False, **inputs: Any) -> Any:
        given = {name for name, value in inputs.items() if value is not None}
        if fused_lm_head and not args and given <= PACKED_INPUTS:
            return _score(self, temperature, mean_logits, **{name: inputs[name] for name in given})
        return others(*args, **({"fused_lm_head": True} if fused_lm_head else {}), **inputs)

    base.forward = types.MethodType(forward, base)


def _score(
    model: Any,
    temperature: float,
    mean_logits: bool,
    input_ids: torch.Tensor,
    labels: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    past_key_values: DynamicCache | None = None,
    num_items_in_batch: Any = None,
    **_: Any,
) -> FusedCausalLMOutput:
    labels = labels[:, 1:]
    labelled = labels != -100
    hidden_states = compute_hidden_states(model, input_ids, attention_mask, labelled, past_key_values)
    weight = model.get_output_embeddings().weight
    scores = [*LabelLogProbs.apply(hidden_states, weight, labels[labelled], temperature)]
    if mean_logits:  # the mean of all logits is the logit of the mean of the head
        scores.append(hidden_states.detach().float() @ weight.detach().float().mean(0) / temperature)
    logprobs, entropy, is_top1, *mean = (
        score.new_zeros(labels.shape).masked_scatter(labelled, score) for score in scores
    )
    count = labelled.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
    return FusedCausalLMOutput(
        loss=-logprobs.sum() / count,
        log_probs=logprobs,
        entropy=entropy,
        is_top1=is_top1,
        label_mask=labelled,
        mean_logits=mean[0] if mean else None,
    )
