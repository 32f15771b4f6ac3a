"""Measure a run's loss on the assistant's last turn of held-out conversations; of a pair, on both answers."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence

from tunelab.data.turns import count_last_only, tell_turn
from tunelab.errors import UserError
from tunelab.jobs.job import report_progress
from tunelab.models import adapters, chat
from tunelab.models.context_length import check_rows
from tunelab.models.device import choose_device
from tunelab.models.packed_model import explain_unscorable, project_positions
from tunelab.models.run_model import RunModel


class Batch(NamedTuple):
    """Conversations of one right-padded batch; all tensors are [B, T]. `counted` is the loss mask."""

    ids: torch.Tensor
    attention_mask: torch.Tensor
    counted: torch.Tensor


def build_batch(encoded: list[dict], pad_token: int, device: torch.device) -> Batch:
    ids = [torch.tensor(item["input_ids"]) for item in encoded]
    masks = [torch.tensor(item["assistant_masks"]) for item in encoded]
    return Batch(
        ids=pad_sequence(ids, batch_first=True, padding_value=pad_token).to(device),
        attention_mask=pad_sequence([torch.ones_like(item) for item in ids], batch_first=True).to(device),
        counted=pad_sequence(masks, batch_first=True).to(device).bool(),
    )


def compute_counted_logits(model: Any, batch: Batch) -> torch.Tensor:
    """Return the logits [N, V] of the N counted tokens, row by row."""
    counted = batch.counted[:, 1:]
    if explain_unscorable(model) is None:
        return project_positions(model, batch.ids, batch.attention_mask, counted)
    logits = model(input_ids=batch.ids, attention_mask=batch.attention_mask, use_cache=False).logits
    # a learnt prompt's virtual tokens come first and have logits too
    return logits[:, -batch.ids.shape[1] : -1][counted]


@torch.inference_mode()
def measure_batch(model: Any, encoded: list[dict], pad_token: int) -> list[tuple[float, int]]:
    """Return for each row the sum of its counted tokens' losses, in nats, and their number."""
    batch = build_batch(encoded, pad_token, model.device)
    targets, counted = batch.ids[:, 1:], batch.counted[:, 1:]
    losses = torch.zeros(targets.shape, device=model.device)
    found = torch.nn.functional.cross_entropy(
        compute_counted_logits(model, batch).float(), targets[counted], reduction="none"
    )
    losses[counted] = found
    return list(zip(losses.sum(1).tolist(), counted.sum(1).tolist(), strict=True))


def batch_by_length(encoded: list[dict], size: int) -> Iterator[list[int]]:
    """Yield the rows' indices in batches of similar length, which saves padding."""
    order = sorted(range(len(encoded)), key=lambda index: (len(encoded[index]["input_ids"]), index))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def measure_rows(run_model: RunModel, rows: list[dict], batch_size: int) -> list[dict[str, Any]]:
    """Measure every row without cutting it, of a pair both answers; return one record for each row, in their order."""
    tokenizer = run_model.load_tokenizer()
    model = run_model.load(choose_device())
    pairs = [row for row in rows if "rejected" in row]
    asked = [*rows, *(row | {"messages": [*row["messages"][:-1], row["rejected"]]} for row in pairs)]
    encoded = [chat.encode_conversation(tokenizer, count_last_only(row["messages"])) for row in asked]
    check_rows(run_model.base_model, asked, [len(item["input_ids"]) for item in encoded], adapters.count_virtual(model))
    measured: dict[int, tuple[float, int]] = {}
    for batch in batch_by_length(encoded, batch_size):
        found = measure_batch(model, [encoded[index] for index in batch], tokenizer.pad_token_id)
        for index, (loss, tokens) in zip(batch, found, strict=True):
            if not math.isfinite(loss):
                what = "the model as it was fetched" if run_model.artefact is None else str(run_model.artefact)
                raise UserError(
                    f"The loss of row {asked[index]['id']} is no number ({loss}) with {what}: its weights hold numbers "
                    "that are none, or the precision is too small for it. Set study.precision to float32, or choose "
                    "another model."
                )
            measured[index] = loss, tokens
        report_progress(f"{len(measured)} of {len(encoded)} losses")
    found = [measured[index] for index in range(len(encoded))]
    rejected = {
        row["id"]: {"rejected_loss": loss, "rejected_tokens": tokens}
        for row, (loss, tokens) in zip(pairs, found[len(rows) :], strict=True)
    }
    return [
        {"id": row["id"], "loss": loss, "tokens": tokens, "bytes": len(tell_turn(row["messages"][-1]).encode())}
        | rejected.get(row["id"], {})
        for row, (loss, tokens) in zip(rows, found[: len(rows)], strict=True)
    ]
