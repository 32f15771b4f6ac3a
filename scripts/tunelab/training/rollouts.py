"""What trainings share that draw completions while they train: how these are drawn, and what a kill loses of it."""

from typing import Any

from peft import PeftModel
from transformers import GenerationConfig

from tunelab.models.decoding import find_generate
from tunelab.training import memory_fit
from tunelab.training.checkpoints import ResumableTrainer

LESS = (
    "Lower training.max_completion_length, or how many are drawn at once: generation_batch_size where the method has "
    "it, else per_device_train_batch_size × gradient_accumulation_steps, from which a step learns."
)


class Drawing(ResumableTrainer):
    """Mixin for TRL's trainers that draw completions."""

    deals_rows = False

    def _generate(self, *given: Any, **named: Any) -> Any:
        # completions of a step are drawn together, however it is divided into micro-batches
        with memory_fit.explained("while drawing completions", LESS):
            return super()._generate(*given, **named)

    def tell_lost(self) -> str:
        lost = "; vLLM's random state is not kept, so its completions are others than those of an uninterrupted run"
        return lost if self.use_vllm else ""


def draw_faster(trainer: Drawing) -> str:
    """Have completions drawn by `Decoder` where it fits, and say what draws them."""
    if trainer.use_vllm:
        return "vLLM"
    if getattr(trainer, "use_transformers_continuous_batching", False):
        return "continuous batching"
    trainer.model.generate, decoding = find_generate(trainer.model, trainer.generation_config)
    return decoding


def keep_ends_only(model: Any) -> GenerationConfig:
    """Have a model's own generation config say nothing but its tokens, and return what it was.

    transformers takes from it what the trainer leaves open (tokens never to be written, a least length), so that other
    answers would be learnt from than the evaluation asks for.
    """
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    own = inner.generation_config
    tokens = {name: getattr(own, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    model.generation_config = inner.generation_config = GenerationConfig(**tokens)
    return own
