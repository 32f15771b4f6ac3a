"""The methods by which runs are trained: one record each, from which all else that tells methods apart is read.

A further one takes an entry here, the class of its runs (`specs/training.py`), its fields (`fields.toml`) and its
training (CONTRIBUTING.md says where). The texts are for people, and are translated where they are shown. The untouched
model, method `base`, is not trained and has no record.
"""

from typing import Literal, NamedTuple


class Method(NamedTuple):
    """One method: TRL's classes, what it learns from, and how page, paper and model card speak of it."""

    config: str  # TRL's config class, whose fields stand under `training`
    trainer: str  # TRL's trainer
    learns_from: Literal["answers", "pairs", "labels", "rewards", "teacher"]
    kind: str  # on the model card
    title: str  # in the paper's sentences
    term: str  # in the glossary; one in capitals is the same in every language
    about: str  # what the glossary says of it
    draws: bool = False  # it learns from answers that it draws while it trains
    signals: tuple[str, ...] = ()  # values of its log that tell how it went, where no reward or validation loss does
    reading: str = ""  # how these are to be read, if they need a word of their own


PREFERRED = ("loss", "rewards/chosen", "rewards/rejected")
METHODS = {
    "sft": Method(
        config="SFTConfig",
        trainer="SFTTrainer",
        learns_from="answers",
        kind="Supervised fine-tuning",
        title="supervised fine-tuning",
        term="Supervised fine-tuning",
        about="The model learns to continue prompts as the training data does; only the tokens of the answer count.",
    ),
    "dpo": Method(
        config="DPOConfig",
        trainer="DPOTrainer",
        learns_from="pairs",
        kind="Preference optimisation",
        title="direct preference optimization (DPO)",
        term="DPO",
        about="Direct preference optimization: of two answers to one question the preferred one is made likelier than "
        "the other, measured from the start of the run.",
        signals=(*PREFERRED, "rewards/accuracies"),
    ),
    "kto": Method(
        config="KTOConfig",
        trainer="KTOTrainer",
        learns_from="labels",
        kind="Preference optimisation",
        title="Kahneman-Tversky optimization (KTO)",
        term="KTO",
        about="Kahneman-Tversky optimization: answers labelled desirable are made likelier and the others less likely, "
        "without pairs.",
        signals=(*PREFERRED, "kl"),
        reading="KTO has no pairs: each answer is labelled by itself, and is held against the mean divergence of its "
        "batch.",
    ),
    "grpo": Method(
        config="GRPOConfig",
        trainer="GRPOTrainer",
        learns_from="rewards",
        kind="Reinforcement learning",
        title="group relative policy optimization (GRPO)",
        term="GRPO",
        about="Group relative policy optimization: the model answers each question several times and is moved towards "
        "the answers whose reward lies above the mean of their group.",
        draws=True,
    ),
    "rloo": Method(
        config="RLOOConfig",
        trainer="RLOOTrainer",
        learns_from="rewards",
        kind="Reinforcement learning",
        title="REINFORCE leave-one-out (RLOO)",
        term="RLOO",
        about="REINFORCE leave-one-out: each answer's reward is held against the mean of the other answers to its "
        "question.",
        draws=True,
    ),
    "distillation": Method(
        config="DistillationConfig",
        trainer="DistillationTrainer",
        learns_from="teacher",
        kind="On-policy distillation",
        title="on-policy distillation",
        term="On-policy distillation",
        about="A student answers by itself and learns, token by token, what its teacher would have said there.",
        draws=True,
        signals=("loss", "entropy", "completions/mean_length", "completions/clipped_ratio"),
        reading="Distillation: the student answers by itself, and its loss is the divergence from the teacher on what "
        "it wrote. It can come near the teacher, hardly beyond it; when entropy falls to nothing, it says the same to "
        "everything.",
    ),
}


def list_methods(*sources: str) -> tuple[str, ...]:
    """List the methods that learn from one of these: answers, pairs, labels, rewards or teacher."""
    return tuple(name for name, method in METHODS.items() if method.learns_from in sources)


REWARDED = list_methods("rewards")
PREFERENCES = list_methods("pairs", "labels")
SIGNALLING = tuple(name for name, method in METHODS.items() if method.signals)
DRAWING = tuple(name for name, method in METHODS.items() if method.draws)
