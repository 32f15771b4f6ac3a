"""Learning from preferences between two answers with TRL's DPOTrainer."""

import functools
from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from tunelab.data.preferences import list_pairs
from tunelab.models.learnt_rows import check_told_apart
from tunelab.training import preferences


class ResumableDPOTrainer(preferences.TokenisedTrainer, DPOTrainer):
    """DPOTrainer that takes tokenised pairs and can go on from a checkpoint."""


def encode_pairs(tokenizer: Any, rows: list[dict], max_length: int | None) -> Dataset:
    """Tokenise pairs into `prompt_ids`, `chosen_ids` and `rejected_ids`, each answer up to its end token.

    Raises:
        UserError: naming pairs of equal answers, or how many are longer than `max_length`, and the longest.
    """
    pairs = list_pairs(rows)
    encoded = preferences.encode_answers(tokenizer, pairs, ("chosen", "rejected"))
    answers = [[pair[f"{side}_ids"] for pair in encoded] for side in ("chosen", "rejected")]
    check_told_apart([pair["id"] for pair in pairs], *answers)
    preferences.check_lengths(encoded, max_length, "pairs")
    return Dataset.from_list(encoded)


def _tokenise(tokenizer: Any, rows: list[dict], args: DPOConfig, settings: dict) -> preferences.Tokenised:
    return preferences.Tokenised(encode_pairs(tokenizer, rows, args.max_length), {})


train = functools.partial(preferences.train, preferences.Method(DPOConfig, ResumableDPOTrainer, _tokenise))
