"""Learning from preferences between two answers with TRL's DPOTrainer."""

import functools
from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from tunelab.data.preferences import list_pairs
from tunelab.models.learnt_rows import check_told_apart
from tunelab.training import preference_training


class ResumableDPOTrainer(preference_training.TokenisedTrainer, DPOTrainer):
    """DPOTrainer that takes tokenised pairs and can go on from a checkpoint."""

    @staticmethod
    def tokenise(
        tokenizer: Any, rows: list[dict], args: DPOConfig, settings: dict[str, Any]
    ) -> preference_training.Tokenised:
        return preference_training.Tokenised(encode_pairs(tokenizer, rows, args.max_length), {})


def encode_pairs(tokenizer: Any, rows: list[dict], max_length: int | None) -> Dataset:
    """Tokenise pairs into `prompt_ids`, `chosen_ids` and `rejected_ids`, each answer up to its end token.

    Raises:
        UserError: naming pairs of equal answers, or how many are longer than `max_length`, and the longest.
    """
    pairs = list_pairs(rows)
    encoded = preference_training.encode_answers(tokenizer, pairs, ("chosen", "rejected"))
    answers = [[pair[f"{side}_ids"] for pair in encoded] for side in ("chosen", "rejected")]
    check_told_apart([pair["id"] for pair in pairs], *answers)
    preference_training.check_lengths(encoded, max_length, "pairs")
    return Dataset.from_list(encoded)


train = functools.partial(preference_training.train, ResumableDPOTrainer)
