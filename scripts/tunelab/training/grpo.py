"""Train by rewards, with TRL's GRPOTrainer or RLOOTrainer, on questions whose answers can be checked.

Three things differ from TRL: every completion is recorded with its rewards; prompts are tokenised and completions read
as in the evaluation; and checkpoints wait until all sampled completions have been used, as a trainer would lose the
rest. A killed training then goes on as if it had not stopped, on a CPU in float32 with the same bits. Only the random
state of vLLM (`use_vllm`) is not restored, so that its later completions differ; the run says so when it goes on.
"""

import random
from collections.abc import Iterable
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from tunelab.errors import UserError
from tunelab.models import adapters, chat
from tunelab.models.chat_thoughts import read_answer
from tunelab.models.context_length import check_rows
from tunelab.scoring.own_functions import FunctionError, describe_row
from tunelab.scoring.rewards import add_rewards, build_reward_functions
from tunelab.training import shared
from tunelab.training.memory_fit import OutOfMemory, within_memory
from tunelab.training.rollouts import DrawingTrainer, clear_generation_config, use_fast_decoding
from tunelab.training.training_job import TrainingJob


def check_questions(args: GRPOConfig | RLOOConfig, rows: int) -> None:
    """Raise `UserError` if there are fewer questions than one generated batch takes."""
    asked = args.generation_batch_size // args.num_generations
    if rows < asked:
        raise UserError(
            f"A generated batch asks {asked} questions ({args.generation_batch_size} completions, "
            f"{args.num_generations} to each), but there are {rows} to train on, so that no step would be taken. Lower "
            "training.per_device_train_batch_size or gradient_accumulation_steps, raise num_generations, or use more "
            "rows."
        )


def check_learnable(trainer: Any) -> None:
    """Raise `UserError` if there was nothing to learn from the completions that were sampled.

    Args:
        trainer: has its completions in `recorded`, group by group.
    """
    recorded, args = trainer.recorded, trainer.args
    if args.mask_truncated_completions and recorded and all(row["truncated"] for row in recorded):
        raise UserError(
            f"All {len(recorded)} completions were cut at {args.max_completion_length} tokens and left out of the loss "
            "(training.mask_truncated_completions), so nothing was learnt and nothing is published. Raise "
            "training.max_completion_length, set mask_truncated_completions: false, or start from a run that has "
            "learnt to end its answers (init_from)."
        )
    # advantages cannot tell: rounding leaves some that are not quite zero
    apart = getattr(args, "multi_objective_aggregation", None) == "normalize_then_sum"
    parts = trainer.reward_func_names if apart else ["reward"]
    size = args.num_generations
    groups = [recorded[start : start + size] for start in range(0, len(recorded), size)]
    if groups and all(len({row[part] for row in group} - {None}) <= 1 for group in groups for part in parts):
        best = max((row["reward"] for row in recorded if row["reward"] is not None), default=0)
        raise UserError(
            f"All {len(recorded)} completions were rewarded like the others of their group (highest reward {best:g}), "
            "so there was nothing to learn from, and nothing is published. Start from a run that already follows the "
            "answer format (init_from), raise training.temperature or max_completion_length, or use easier questions."
        )


class Recording(DrawingTrainer):
    """Mixin for TRL's trainers by rewards that keeps a record of every completion in `recorded`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.recorded: list[dict[str, Any]] = []
        super().__init__(*args, **kwargs)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        if self.model.training:
            self.recorded += gather_object(self._describe_completions(inputs, output))
        self._forget_empty_means()
        return output

    def _forget_empty_means(self) -> None:
        """Drop the means of rewards that applied to no completion: they are NaN, which checkpoints cannot hold."""
        metrics = self._metrics["train" if self.model.training else "eval"]
        for name in [name for name, values in metrics.items() if values and values[-1] != values[-1]]:
            metrics[name].pop()
            if not metrics[name]:
                del metrics[name]

    def _tokenize_prompts(self, prompts: list) -> tuple[list[list[int]], None, dict]:
        """Tokenise prompts as the evaluation does; there are no images and no further fields."""
        return [chat.encode_prompt(self.processing_class, prompt) for prompt in prompts], None, {}

    def _calculate_rewards(self, inputs: list, prompts: list, completions: list, completion_ids_list: list) -> Any:
        """Score, and log, completions as the evaluation reads them."""
        for turns, ids in zip(completions, completion_ids_list, strict=True):
            turns[0]["content"] = read_answer(self.processing_class, ids)
        return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)

    def between_batches(self) -> bool:
        return self._step % (self.args.steps_per_generation * self.num_iterations) == 0

    def _list_own(self, logged: Iterable[Any], count: int) -> list[Any]:
        """Return this process's last `count` entries of a log that gathers those of all processes."""
        last = list(logged)[-count * self.args.world_size :]
        return last[count * self.args.process_index :][:count]

    def _describe_completions(self, inputs: list[dict[str, Any]], output: dict[str, Any]) -> list[dict[str, Any]]:
        count, weights = len(inputs), self.reward_weights.tolist()
        logs = {name: self._list_own(self._logs[name], count) for name in ("completion", "advantages")}
        parts = {  # TRL has NaN where a function does not apply
            name: [None if value != value else value for value in self._list_own(values, count)]
            for name, values in self._logs["rewards"].items()
        }
        # measured on the ids: TRL empties the mask of cut completions when mask_truncated_completions is set
        ends = torch.isin(output["completion_ids"], torch.tensor(self.eos_token_ids, device=self.accelerator.device))
        return [
            {
                "step": self.state.global_step + 1,
                "prompt": row["prompt"][-1]["content"],
                "answer": row["answer"],
                "completion": logs["completion"][i][0]["content"],
                "reward": add_rewards([values[i] for values in parts.values()], weights),
                "advantage": logs["advantages"][i],
                "tokens": int(ends[i].int().argmax()) + 1 if ends[i].any() else self.max_completion_length,
                "truncated": not bool(ends[i].any()),
                **{name: values[i] for name, values in parts.items()},
            }
            for i, row in enumerate(inputs)
        ]


class RecordingGRPOTrainer(Recording, GRPOTrainer):
    """TRL's GRPO."""

    config_class = GRPOConfig


class RecordingRLOOTrainer(Recording, RLOOTrainer):
    """TRL's RLOO: a reward, less the divergence, is compared with the mean of the others to its question."""

    config_class = RLOOConfig


TRAINERS = {"grpo": RecordingGRPOTrainer, "rloo": RecordingRLOOTrainer}


def build_dataset(rows: list[dict], shuffle_gold: bool, seed: int) -> Dataset:
    """Build the trainer's columns `prompt`, `answer` and `row`, which are all that users' own functions are given.

    With `shuffle_gold`, for control runs, each prompt gets the `answer` and `row` of another one.
    """
    golds = [{"answer": row["answer"], "row": describe_row(row)} for row in rows]
    if shuffle_gold:
        random.Random(seed).shuffle(golds)
    return Dataset.from_list([{"prompt": row["messages"][:-1], **gold} for row, gold in zip(rows, golds, strict=True)])


@within_memory
def train(job: TrainingJob, rows: list[dict]) -> tuple[Recording, list[dict], dict]:
    """Train one run and return the trainer (with every completion), its history and its costs.

    Raises:
        UserError: if there are fewer questions than one batch takes, if all completions were masked, or if those of
            every question earned the same reward, so that nothing could be learnt.
    """
    rewards, weights = build_reward_functions(job.spec.rewards)
    trainer_class = TRAINERS[job.spec.method]
    args = shared.build_arguments(trainer_class.config_class, job, job.spec.training | {"reward_weights": weights})
    check_questions(args, len(rows))
    log = shared.ProgressLog()
    tokenizer = job.load_tokenizer(padding_side="left")
    model = job.load_model()
    adapters.name_ends(model, chat.list_ends(tokenizer))
    adapter = job.build_adapter_config()
    prompts = [chat.encode_prompt(tokenizer, row["messages"][:-1]) for row in rows]
    lengths = [len(prompt) + args.max_completion_length for prompt in prompts]
    check_rows(job.base_model, rows, lengths, adapters.count_virtual(model, adapter))
    published = clear_generation_config(model)
    trainer = trainer_class(
        model=model,
        reward_funcs=rewards,
        args=args,
        train_dataset=build_dataset(rows, job.spec.rewards.shuffle_gold, job.seed),
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=[log],
    )
    adapters.keep_trainable_in_float32(trainer.model)
    adapters.keep_start(trainer.model)
    decoding = use_fast_decoding(trainer)
    try:
        costs = shared.train_and_measure(trainer, log, budget=job.budget) | {"decoding": decoding}
    except (FunctionError, OutOfMemory):
        raise
    except UserError:  # why no weight changed, if it was for the completions
        check_learnable(trainer)
        raise
    check_learnable(trainer)
    model.generation_config = published
    return trainer, log.rows, costs
