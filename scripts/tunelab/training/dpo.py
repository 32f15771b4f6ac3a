"""Learning from preferences between two answers with TRL's DPOTrainer."""

import functools

from trl import DPOConfig, DPOTrainer

from tunelab.training import preference_training


class ResumableDPOTrainer(preference_training.TokenisedTrainer, DPOTrainer):
    """DPOTrainer that takes tokenised pairs and can go on from a checkpoint."""

    config_class = DPOConfig


train = functools.partial(preference_training.train, ResumableDPOTrainer)
