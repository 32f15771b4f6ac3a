"""Learning from preferences between two answers with TRL's DPOTrainer.

Pairs are tokenised here rather than by the trainer, so that prompts are those of the evaluation and answers end where
generation stops. A pair that does not fit is refused: cut at its end, an answer would lose the number it is judged by.
The reference is what the run starts from: the base without its new adapter, or a copy of the adapter that goes on.
"""

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.specs.training import CheckpointSettings, DpoRun
from tunelab.errors import UserError
from tunelab.models import adapters, chat
from tunelab.models.device import choose_device
from tunelab.training import shared
from tunelab.training.checkpoints import ResumableTrainer
from tunelab.training.starts import load_start


class ResumableDPOTrainer(ResumableTrainer, DPOTrainer):
    """DPOTrainer that takes tokenised pairs and can go on from a checkpoint."""

    logs_mean_logits = True

    def _prepare_dataset(self, dataset: Dataset, *others: Any) -> Dataset:
        return dataset


def encode_pairs(tokenizer: Any, rows: list[dict], max_length: int | None) -> Dataset:
    """Tokenise pairs into `prompt_ids`, `chosen_ids` and `rejected_ids`, each answer up to its end token.

    Raises:
        UserError: naming how many pairs are longer than `max_length`, and the longest.
    """
    encoded = [_encode_pair(tokenizer, row) for row in rows]
    lengths = [len(pair["prompt_ids"]) + max(len(pair["chosen_ids"]), len(pair["rejected_ids"])) for pair in encoded]
    if over := sum(length > (max_length or max(lengths)) for length in lengths):
        raise UserError(
            f"training.max_length: {over} of {len(rows)} pairs have more than {max_length} tokens, the longest "
            f"{max(lengths)}; cut, an answer would lose its end. Raise max_length, or lower samples' max_new_tokens."
        )
    return Dataset.from_list(encoded)


def _encode_pair(tokenizer: Any, row: dict) -> dict[str, list[int]]:
    prompt = chat.encode_prompt(tokenizer, row["messages"])
    answers = {}
    for side in ("chosen", "rejected"):
        item = chat.encode_conversation(tokenizer, [*row["messages"], row[side]])
        last = max(place for place, learnt in enumerate(item["assistant_masks"]) if learnt)
        answers[f"{side}_ids"] = item["input_ids"][len(prompt) : last + 1]
    return {"prompt_ids": prompt, **answers}


def train(
    base: Path,
    start: Path | None,
    rows: list[dict],
    checkpoints: Path,
    saving: CheckpointSettings,
    seed: int,
    spec: DpoRun,
    dtype: torch.dtype,
    template: Path | None = None,
) -> tuple[ResumableDPOTrainer, list[dict], dict]:
    """Train one run and return the trainer, its history and its costs.

    Arguments are those of `sft.train`; rows: pairs, as `data.pairs` gives them.

    Raises:
        UserError: if a pair is too long, or the margins between the answers never moved.
    """
    device = choose_device()
    settings = dict(spec.training)
    model = load_start(base, start, device, dtype, spec)
    if (spec.adapter or {}).get("peft_type") in PROMPT_LEARNING:
        settings["gradient_checkpointing"] = False  # TRL's default, but recomputation drops the prefix from the cache
    args = shared.build_arguments(DPOConfig, settings, checkpoints, saving, seed, device, dtype)
    tokenizer = chat.load_tokenizer(base, template=template)
    adapters.name_ends(model, chat.list_ends(tokenizer))
    log = shared.ProgressLog()
    trainer = ResumableDPOTrainer(
        model=model,
        args=args,
        train_dataset=encode_pairs(tokenizer, rows, args.max_length),
        processing_class=tokenizer,
        peft_config=adapters.build_adapter_config(spec.adapter, base) if spec.adapter else None,
        callbacks=[log],
    )
    adapters.keep_trainable_in_float32(trainer.model)
    adapters.keep_start(trainer.model)
    costs = shared.train_and_measure(trainer, log)
    if len(log.rows) > 1 and not any(row.get("rewards/margins") for row in log.rows):
        raise UserError(
            "The margins between chosen and rejected answers never moved, so no preference was learnt and nothing is "
            "published. Raise training.learning_rate or the number of steps."
        )
    return trainer, log.rows, costs
