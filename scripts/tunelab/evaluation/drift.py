"""Measure how far training moved a model away from its base.

Measured are its loss on neutral texts, which no run learns from, and the divergence of its next-token probs from the
base's, on those texts and on the tasks' held-out rows.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import PeftModel
from torch.nn import functional

from tunelab.data.turns import count_last_only, tell_turn
from tunelab.errors import UserError
from tunelab.evaluation.losses import Batch, batch_by_length, build_batch, compute_counted_logits
from tunelab.jobs.job import report_progress
from tunelab.models import adapters, chat
from tunelab.models.context_length import check_rows
from tunelab.models.device import choose_device
from tunelab.models.packed_model import find_base
from tunelab.models.run_model import RunModel
from tunelab.words import split_paragraphs


class Item(NamedTuple):
    """A paragraph or a held-out row: the fields of its record, and its tokens as `chat` encodes them."""

    about: dict[str, Any]
    encoded: dict[str, list[int]]


def read_paragraphs(file: Path) -> list[str]:
    """Read a text's paragraphs, which blank lines separate.

    Raises:
        UserError: if the file is not there, is no UTF-8, or holds fewer than two paragraphs.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"drift.texts: {file} cannot be read ({error.strerror}); name a text file.") from None
    except UnicodeDecodeError:
        raise UserError(f"drift.texts: {file} is not UTF-8; save it in that encoding.") from None
    paragraphs = ["\n".join(map(str.strip, lines)) for _, lines in split_paragraphs(text)]
    if len(paragraphs) < 2:
        found = f"{len(paragraphs)} paragraph" + ("" if len(paragraphs) == 1 else "s")
        raise UserError(f"drift.texts: {file} holds {found}; write at least 2, with a blank line between them.")
    return paragraphs


def encode_text(tokenizer: Any, text: str) -> tuple[dict[str, list[int]], int]:
    """Encode plain text, of which all tokens but the first count; return it with the UTF-8 bytes that count.

    A tokenizer's beginning-of-sequence token comes first, if there is one, so that all of the text counts.
    """
    plain = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, start = plain["input_ids"], 0
    if tokenizer.bos_token_id is not None:
        ids = [tokenizer.bos_token_id, *ids]
    else:
        start = next((first for first, _ in plain["offset_mapping"][1:]), len(text))
    return {"input_ids": ids, "assistant_masks": [0] + [1] * (len(ids) - 1)}, len(text[start:].encode())


def list_items(tokenizer: Any, texts: Iterable[Path], rows: dict[str, list[dict]]) -> Iterator[Item]:
    """Yield every paragraph of the texts and every row of the tasks (name → rows)."""
    for file in texts:
        for number, paragraph in enumerate(read_paragraphs(file), 1):
            encoded, size = encode_text(tokenizer, paragraph)
            about = {"kind": "text", "source": file.stem, "id": f"{file.stem}-{number}", "bytes": size}
            yield Item(about, encoded)
    for task, held_out in rows.items():
        for row in held_out:
            size = len(tell_turn(row["messages"][-1]).encode())
            about = {"kind": "task", "source": task, "id": row["id"], "bytes": size}
            yield Item(about, chat.encode_conversation(tokenizer, count_last_only(row["messages"])))


class Pair:
    """A run's model and its base: an adapter's base is the model without it, otherwise it is loaded as well."""

    def __init__(self, run_model: RunModel) -> None:
        base, artefact = run_model.base_model, run_model.artefact
        place = (choose_device(), run_model.dtype)
        self.trained = artefact is not None
        self.model, self._base = adapters.load_base_model(base, *place).eval(), None
        if adapters.is_adapter(artefact):
            before = _try_out(self.model)
            self.model = PeftModel.from_pretrained(self.model, artefact).eval()
            with self.model.disable_adapter():
                restored = torch.equal(_try_out(self.model), before)
            # PiSSA and its like rewrite the base when they are loaded, and trained biases stay
            self._base = None if restored else adapters.load_base_model(base, *place).eval()
        elif self.trained:
            self._base, self.model = self.model, adapters.load_base_model(artefact, *place).eval()

    def predict(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the counted tokens' logits by the run's model and by its base; the untouched model's twice."""
        logits = compute_counted_logits(self.model, batch)
        if not self.trained:
            return logits, logits
        if self._base is not None:
            return logits, compute_counted_logits(self._base, batch)
        with self.model.disable_adapter():
            return logits, compute_counted_logits(find_base(self.model), batch)


@torch.inference_mode()
def _try_out(model: Any) -> torch.Tensor:
    """Return the logits of a few fixed tokens."""
    return model(input_ids=torch.arange(1, 17, device=model.device)[None], use_cache=False).logits


@torch.inference_mode()
def measure_batch(pair: Pair, encoded: list[dict], pad_token: int) -> list[dict[str, float]]:
    """Return each row's summed `loss` and `kl`, the divergence of the run from the base, and its counted `tokens`.

    Only one row's counted positions at a time are lifted to float32.
    """
    batch = build_batch(encoded, pad_token, pair.model.device)
    sizes = batch.counted[:, 1:].sum(1).tolist()
    logits, base_logits = (found.split(sizes) for found in pair.predict(batch))
    measured = []
    for row, counted in enumerate(batch.counted[:, 1:]):
        own = functional.log_softmax(logits[row].float(), dim=-1)
        loss = functional.nll_loss(own, batch.ids[row, 1:][counted], reduction="sum").item()
        kl = 0.0
        if pair.trained:
            base = functional.log_softmax(base_logits[row].float(), dim=-1)
            kl = functional.kl_div(base, own, reduction="sum", log_target=True).item()
        measured.append({"loss": loss, "tokens": int(counted.sum()), "kl": kl})
    return measured


def measure_drift(
    run_model: RunModel, texts: Iterable[Path], rows: dict[str, list[dict]], batch_size: int
) -> list[dict[str, Any]]:
    """Measure a run on the texts' paragraphs and the tasks' rows (name → rows); return one record each, in order."""
    tokenizer = run_model.load_tokenizer()
    items = list(list_items(tokenizer, texts, rows))
    pair = Pair(run_model)
    encoded, measured = [item.encoded for item in items], {}
    lengths = [len(item["input_ids"]) for item in encoded]
    check_rows(run_model.base_model, [item.about for item in items], lengths, adapters.count_virtual(pair.model))
    for batch in batch_by_length(encoded, batch_size):
        found = measure_batch(pair, [encoded[index] for index in batch], tokenizer.pad_token_id)
        measured |= zip(batch, found, strict=True)
        report_progress(f"{len(measured)} of {len(items)} paragraphs and rows")
    return [item.about | measured[index] for index, item in enumerate(items)]
