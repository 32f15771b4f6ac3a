"""What trainings share that draw completions while they train: how these are drawn, and what a kill loses of it."""

from typing import Any

from peft import PeftModel
from transformers import GenerationConfig

from tunelab.models.decoding import find_generate
from tunelab.training.checkpoints import ResumableTrainer


class Drawing(ResumableTrainer):
    """Mixin for TRL's trainers that draw completions."""

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
