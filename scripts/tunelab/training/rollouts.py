"""Draw completions while a model is trained (rollouts): what the methods that do so share."""

from typing import Any

from transformers import GenerationConfig

from tunelab.models.decoding import find_generate
from tunelab.models.packed_model import find_base
from tunelab.training import memory_fit
from tunelab.training.checkpoints import ResumableTrainer

LESS = (
    "Lower training.max_completion_length, or how many are drawn at once: generation_batch_size where the method has "
    "it, else per_device_train_batch_size × gradient_accumulation_steps, from which a step learns."
)


class DrawingTrainer(ResumableTrainer):
    """Mixin for TRL's trainers that draw completions while they train."""

    deals_rows = False

    def _generate(self, *given: Any, **named: Any) -> Any:
        # all completions of a step are drawn at once, whatever its micro-batches
        with memory_fit.explained("while drawing completions", LESS), self.consumption.drawing():
            drawn = super()._generate(*given, **named)
        self.consumption.add_drawn(*drawn[:2])
        return drawn

    def describe_lost(self) -> str:
        lost = "; vLLM's random state is not kept, so its completions are others than those of an uninterrupted run"
        return lost if self.use_vllm else ""


def use_fast_decoding(trainer: DrawingTrainer) -> str:
    """Have `Decoder` draw the completions if it can, and return the name of what draws them."""
    if trainer.use_vllm:
        return "vLLM"
    if getattr(trainer, "use_transformers_continuous_batching", False):
        return "continuous batching"
    trainer.model.generate, decoding = find_generate(trainer.model, trainer.generation_config)
    return decoding


def clear_generation_config(model: Any) -> GenerationConfig:
    """Remove all but special tokens from a model's generation config, and return the config as it was.

    transformers takes from it what the trainer does not set (suppressed tokens, a least length), so that completions
    would differ from those of the evaluation.
    """
    inner = find_base(model)
    own = inner.generation_config
    tokens = {name: getattr(own, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    model.generation_config = inner.generation_config = GenerationConfig(**tokens)
    return own
