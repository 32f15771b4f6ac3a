"""Learning from preferences between two answers, without a reference, with TRL's experimental ORPOTrainer."""

import functools
from typing import Any

from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from tunelab.training import preference_training


class ResumableORPOTrainer(preference_training.TokenisedTrainer, ORPOTrainer):
    """ORPOTrainer that takes tokenised pairs and can go on from a checkpoint."""

    config_class = ORPOConfig
    unpacked = "ORPO computes its loss from all logits"
    tied = "ORPO's loss is a mean over the tokens of a micro-batch"
    _total_train_tokens = 0

    @property
    def collected_metrics(self) -> dict[str, list[float]]:
        return self._stored_metrics["train"]

    def tokenize_row(self, feature: dict[str, Any], model: Any = None) -> dict[str, list[int]]:
        """Return what TRL's collator asks for of a row that is tokenised already."""
        prompt, made = feature["prompt_ids"], {}
        for side in ("chosen", "rejected"):
            answer = feature[f"{side}_ids"]
            made[f"{side}_input_ids"] = prompt + answer
            made[f"{side}_attention_mask"] = [1] * len(prompt + answer)
            made[f"{side}_labels"] = [-100] * len(prompt) + answer
        return made

    def concatenated_forward(self, model: Any, batch: dict[str, Any]) -> tuple:
        if model.training:
            counts = [batch[f"{side}_attention_mask"].sum() for side in ("chosen", "rejected")]
            self._total_train_tokens += self.accelerator.gather(sum(counts)).sum().item()
        return super().concatenated_forward(model, batch)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log(logs | {"num_tokens": self._total_train_tokens}, start_time)


train = functools.partial(preference_training.train, ResumableORPOTrainer)
