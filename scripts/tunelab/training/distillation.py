"""Train a student on a teacher's probs for each token of the student's own answers, with TRL's DistillationTrainer.

Prompts are the rows' conversations up to the last reply, tokenised as in the evaluation; the replies themselves are not
used. TRL takes hidden states and output layer of both models itself, so that a prefix or prompt would be ignored;
`config.method_checks` refuses these. The teacher reads the student's tokens: both must have the same vocabulary, and
the teacher's own chat template is not used.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from trl import DistillationConfig, DistillationTrainer

from tunelab.errors import UserError
from tunelab.models import adapters, chat
from tunelab.models.context_length import check_rows, count_positions
from tunelab.models.flops import Work, measure_inputs
from tunelab.training import shared
from tunelab.training.memory_fit import within_memory
from tunelab.training.rollouts import DrawingTrainer, clear_generation_config, use_fast_decoding
from tunelab.training.training_job import TrainingJob

SAME = 1e-5  # differences of logprobs up to this, in nats, are rounding in float32


class Teacher(NamedTuple):
    """A teacher: the folders of its fetched model and of what its run published (None: the untouched model)."""

    base: Path
    artefact: Path | None


class ResumableDistillationTrainer(DrawingTrainer, DistillationTrainer):
    """DistillationTrainer that takes tokenised prompts and can go on from a checkpoint."""

    config_class = DistillationConfig
    unpacked = "distillation compares whole distributions"

    def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict]:
        """Return prompts as they are; there are no images and no further fields."""
        return prompts, None, {}

    def _get_last_hidden_state(self, *given: Any, **inputs: Any) -> torch.Tensor:
        # TRL calls both models without accelerate's wrapper, which would compute products in half precision
        with self.accelerator.autocast(), self.consumption.counting(given[0], _measure_call(*given[1:])):
            return super()._get_last_hidden_state(*given, **inputs)


def _measure_call(ids: torch.Tensor, mask: torch.Tensor, kept: int) -> Work:
    """Return the work of a pass over prompts and completions; only the last `kept` tokens may be completions."""
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :-kept] = -100
    return measure_inputs(ids, mask, labels=labels)


@within_memory
def train(
    job: TrainingJob, rows: list[dict], teacher: Teacher
) -> tuple[ResumableDistillationTrainer, list[dict], dict]:
    """Train one run and return the trainer, its history and its costs.

    The teacher's weights are held in the job's dtype as well. The losses are divergences from the teacher in nats per
    token of a completion.

    Raises:
        UserError: if there are fewer rows than a step takes, if the teacher has too few positions for the completions,
            or if teacher and student give the same logprobs before the training.
    """
    name = job.spec.teacher
    args = shared.build_arguments(ResumableDistillationTrainer.config_class, job, job.spec.training)
    tokenizer = job.load_tokenizer(padding_side="left")
    prompts = [chat.encode_prompt(tokenizer, row["messages"][:-1]) for row in rows]
    _check_rows(args, len(rows))
    lengths = [len(prompt) + args.max_completion_length for prompt in prompts]
    teacher_model = adapters.load_trained_model(*teacher, job.device, job.dtype)
    _check_positions(teacher_model, max(lengths), name)
    check_rows(job.base_model, rows, lengths)
    model = job.load_model()
    adapters.name_ends(model, chat.list_ends(tokenizer))
    published = clear_generation_config(model)
    log = shared.ProgressLog()
    trainer = ResumableDistillationTrainer(
        model=model,
        teacher_model=teacher_model,
        args=args,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=tokenizer,
        peft_config=job.build_adapter_config(),
        callbacks=[log],
    )
    adapters.keep_trainable_in_float32(trainer.model)
    adapters.keep_start(trainer.model)
    _check_apart(trainer, prompts[0], name)
    decoding = use_fast_decoding(trainer)
    costs = shared.train_and_measure(trainer, log, budget=job.budget)
    model.generation_config = published
    # the teacher reads each token that the student read or wrote
    return trainer, log.rows, costs | {"decoding": decoding, "teacher_tokens": costs["tokens"]}


def _check_rows(args: DistillationConfig, rows: int) -> None:
    asked = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
    if rows < asked:
        raise UserError(
            f"A step asks {asked} questions, but there are {rows} to train on, so that no step would be taken. Lower "
            "training.per_device_train_batch_size or gradient_accumulation_steps, or use more rows."
        )


def _check_positions(teacher: Any, needed: int, name: str) -> None:
    positions = count_positions(teacher.config.to_dict())
    if positions is not None and needed > positions:
        raise UserError(
            f"teacher: {name} has {positions} positions, and the longest prompt with its completion needs {needed}. "
            "Lower training.max_completion_length, leave the longest rows out, or choose a teacher of a longer context."
        )


@torch.no_grad()
def _check_apart(trainer: ResumableDistillationTrainer, prompt: list[int], name: str) -> None:
    """Raise `UserError` if teacher and student give the same logprobs after a prompt."""
    ids, student = torch.tensor([prompt], device=trainer.args.device), trainer.model
    student.eval()
    logprobs = [model(input_ids=ids).logits.float().log_softmax(-1) for model in (student, trainer.teacher_model)]
    student.train()
    if (logprobs[0] - logprobs[1]).abs().max() < SAME:
        raise UserError(
            f"teacher: {name} says what this run says before it has learnt anything, so that there is nothing to learn "
            "from it. Name another teacher, or another start (init_from)."
        )
