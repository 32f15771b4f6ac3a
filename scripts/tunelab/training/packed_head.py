"""Log-probabilities of the labelled tokens alone, of packed rows: what a training on a CPU pays for.

TRL's trainers ask a model for them by `model(..., labels=..., fused_lm_head=True)`. On a GPU, TRL's own kernel projects
the labelled positions only; on a CPU it projects all. `add_packed_head` answers the same call, in TRL's own protocol:
rows are packed, and only labelled positions reach the head, whose gradient is found on the way there.
Where that does not fit, TRL's answer stays; `explain_unpacked` says why.
"""

import functools
import types
from typing import Any

import torch
from torch.nn import functional
from transformers import DynamicCache, Trainer
from trl.trainer.utils import FusedCausalLMOutput

from tunelab.models.packed_model import explain_unscorable, find_base, find_hidden

ROWS = 256  # positions that are projected at a time, [ROWS, vocabulary] in float32 being the peak of memory
# what may be said of packed rows: more would mean embeddings, positions or images
PACKED_INPUTS = {
    *("input_ids", "attention_mask", "labels", "past_key_values", "num_items_in_batch"),
    *("use_cache", "return_dict", "output_attentions", "output_hidden_states"),
}


class LabelLogProb(torch.autograd.Function):
    """Log-probability, entropy and rank of labels under a frozen head; only the first has a gradient."""

    @staticmethod
    def forward(ctx, hidden, weight, labels, temperature):
        """hidden: [n, width]; weight: [vocabulary, width]; labels: [n]. Returns three tensors of [n]."""
        found, gradients = [], []
        for states, targets in zip(hidden.split(ROWS), labels.split(ROWS), strict=True):
            logits = functional.linear(states.to(weight.dtype), weight).float().div_(temperature)
            highest, best = logits.max(-1, keepdim=True)
            chosen = logits.gather(1, targets[:, None]) - highest
            shares = logits.sub_(highest).exp()
            total = shares.sum(-1, keepdim=True)
            # the entropy is log Z less the mean of the logits
            mean = torch.bmm(shares[:, None], logits[:, :, None])[:, 0] / total
            found.append((chosen - total.log(), total.log() - mean, best == targets[:, None]))
            if ctx.needs_input_grad[0]:
                expected = shares.div_(total).to(weight.dtype) @ weight
                gradients.append((weight[targets].float() - expected.float()).div_(temperature))
        if gradients:
            ctx.save_for_backward(torch.cat(gradients))
        outputs = tuple(torch.cat(column)[:, 0] for column in zip(*found, strict=True))
        ctx.mark_non_differentiable(*outputs[1:])
        return outputs

    @staticmethod
    def backward(ctx, log_probs, *_):
        (gradient,) = ctx.saved_tensors
        return log_probs[:, None] * gradient, None, None, None


def explain_unpacked(trainer: Trainer) -> str | None:
    """Say why a trainer's rows are scored by TRL's own head; None if they can be packed."""
    args = trainer.args
    settings = {
        "gradient_checkpointing": False,
        "cast_lm_head_to_fp32": False,
        "entropy_coef": 0.0,  # only log-probabilities have a gradient here
        "use_adaptive_entropy": False,
        "packing": False,
        "use_weighting": False,  # asks for sums over the whole vocabulary
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
    """Have the trainer's model answer `fused_lm_head=True` by packed rows; TRL's head keeps what does not fit.

    mean_logits: whether the answer tells the mean of the logits as well, which some trainers log.
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
    hidden = find_hidden(model, input_ids, attention_mask, labelled, past_key_values)
    weight = model.get_output_embeddings().weight
    scores = [*LabelLogProb.apply(hidden, weight, labels[labelled], temperature)]
    if mean_logits:  # the mean of all logits is the logit of the mean of the head
        scores.append(hidden.detach().float() @ weight.detach().float().mean(0) / temperature)
    log_probs, entropy, is_top1, *mean = (
        score.new_zeros(labels.shape).masked_scatter(labelled, score) for score in scores
    )
    count = labelled.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
    return FusedCausalLMOutput(
        loss=-log_probs.sum() / count,
        log_probs=log_probs,
        entropy=entropy,
        is_top1=is_top1,
        label_mask=labelled,
        mean_logits=mean[0] if mean else None,
    )
