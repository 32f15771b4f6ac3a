"""Whether there is anything to learn from in what a GRPO or RLOO training asks and samples."""

from typing import Any

from trl import GRPOConfig, RLOOConfig

from tunelab.errors import UserError


def check_questions(args: GRPOConfig | RLOOConfig, rows: int) -> None:
    """Raise `UserError` if there are fewer questions than one generated batch asks."""
    asked = args.generation_batch_size // args.num_generations
    if rows < asked:
        raise UserError(
            f"A generated batch asks {asked} questions ({args.generation_batch_size} completions, "
            f"{args.num_generations} to each), but there are {rows} to train on, so that no step would be taken. Lower "
            "training.per_device_train_batch_size or gradient_accumulation_steps, raise num_generations, or use more "
            "rows."
        )


def check_learnable(trainer: Any) -> None:
    """Raise `UserError` if no completion that was sampled could teach anything.

    trainer: one that keeps its completions in `recorded`, group by group.
    """
    recorded, args = trainer.recorded, trainer.args
    if args.mask_truncated_completions and recorded and all(row["truncated"] for row in recorded):
        raise UserError(
            f"All {len(recorded)} completions were cut at {args.max_completion_length} tokens and left out of the loss "
            "(training.mask_truncated_completions), so nothing was learnt and nothing is published. Raise "
            "training.max_completion_length, set mask_truncated_completions: false, or start from a run that has "
            "learnt to end its answers (init_from)."
        )
    # not by the advantages: subtracting a mean that was rounded leaves some that are not quite zero
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
