"""Train on which answers are preferred, with any of TRL's trainers for it: what the files of these methods share.

A method is a file of this room by its name, with a `train` as in `dpo`, and a record in `config.methods`.
Rows are tokenised here rather than by the trainer, so that prompts are those of the evaluation and answers end where
generation stops. An answer that is too long is refused: cut at its end, it would lose the number it is scored by.
The reference is what the run starts from: the base without its new adapter, or a copy of the adapter that goes on.
"""

from typing import Any, NamedTuple

from datasets import Dataset

from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.data.preferences import list_pairs
from tunelab.errors import UserError
from tunelab.models import adapters, chat
from tunelab.models.context_length import check_rows, count_positions_left
from tunelab.models.learnt_rows import check_carried, check_told_apart
from tunelab.training import shared
from tunelab.training.checkpoints import ResumableTrainer
from tunelab.training.memory_fit import within_memory
from tunelab.training.training_job import TrainingJob

ANSWERS = ("chosen_ids", "rejected_ids", "completion_ids")


class Tokenised(NamedTuple):
    """Rows as a trainer takes them.

    Attributes:
        told: what is listed of them among the run's costs.
        epoch_rows: how many rows an epoch takes, where those of all epochs stand one after the other.
    """

    rows: Dataset
    told: dict[str, Any]
    epoch_rows: int | None = None


class TokenisedTrainer(ResumableTrainer):
    """Mixin for TRL's trainers of preferences: they take tokenised rows and can go on from a checkpoint."""

    weighs_batches = True
    logs_mean_logits = True
    epoch_rows: int | None = None

    @staticmethod
    def tokenise(tokenizer: Any, rows: list[dict], args: Any, settings: dict[str, Any]) -> Tokenised:
        """Tokenise a run's rows, here pairs; each is to have `id`, `prompt_ids` and some of `ANSWERS`.

        Args:
            rows: as `choose_samples` or `prepare_dataset` writes them.
            args: the trainer's, which may be changed.
            settings: the user's part of them.
        """
        return Tokenised(encode_pairs(tokenizer, rows, args.max_length), {})

    def _prepare_dataset(self, dataset: Dataset, *others: Any) -> Dataset:
        return dataset


def encode_pairs(tokenizer: Any, rows: list[dict], max_length: int | None) -> Dataset:
    """Tokenise pairs into `prompt_ids`, `chosen_ids` and `rejected_ids`, each answer up to its end token.

    Raises:
        UserError: naming pairs of equal answers, or how many are longer than `max_length`, and the longest.
    """
    pairs = list_pairs(rows)
    encoded = encode_answers(tokenizer, pairs, ("chosen", "rejected"))
    answers = [[pair[f"{side}_ids"] for pair in encoded] for side in ("chosen", "rejected")]
    check_told_apart([pair["id"] for pair in pairs], *answers)
    check_lengths(encoded, max_length, "pairs")
    return Dataset.from_list(encoded)


def encode_answers(tokenizer: Any, rows: list[dict], sides: tuple[str, ...]) -> list[dict[str, Any]]:
    """Tokenise rows into `prompt_ids` and, for each side, `<side>_ids`: the answer up to its end token; keep `id`."""
    for side in sides:
        check_carried(tokenizer, [{"id": row["id"], "messages": [*row["messages"], row[side]]} for row in rows])
    return [_encode(tokenizer, row, sides) for row in rows]


def _encode(tokenizer: Any, row: dict, sides: tuple[str, ...]) -> dict[str, Any]:
    prompt = chat.encode_prompt(tokenizer, row["messages"])
    answers = {}
    for side in sides:
        item = chat.encode_conversation(tokenizer, [*row["messages"], row[side]])
        last = max(place for place, learnt in enumerate(item["assistant_masks"]) if learnt)
        answers[f"{side}_ids"] = item["input_ids"][len(prompt) : last + 1]
    return {"id": row["id"], "prompt_ids": prompt, **answers}


def measure_row(row: dict[str, Any]) -> int:
    """Return the tokens of a row's prompt with the longest of its answers."""
    return len(row["prompt_ids"]) + max(len(row[name]) for name in ANSWERS if name in row)


def check_lengths(encoded: list[dict[str, Any]], max_length: int | None, what: str) -> int:
    """Return the longest row's number of tokens.

    Raises:
        UserError: naming how many rows are longer than `max_length`, and the longest.
    """
    lengths = [measure_row(row) for row in encoded]
    if over := sum(length > (max_length or max(lengths)) for length in lengths):
        raise UserError(
            f"training.max_length: {over} of {len(encoded)} {what} have more than {max_length} tokens, the longest "
            f"{max(lengths)}; cut, an answer would lose its end. Raise max_length, lower samples' max_new_tokens, or "
            "leave long rows out."
        )
    return max(lengths)


@within_memory
def train(
    trainer_class: type[TokenisedTrainer], job: TrainingJob, rows: list[dict]
) -> tuple[TokenisedTrainer, list[dict], dict]:
    """Train one run and return the trainer, its history and its costs.

    Args:
        rows: as `choose_samples` or `prepare_dataset` writes them.

    Raises:
        UserError: if the rows do not suit the method, one is too long, or the margins between the answers never moved.
    """
    settings = dict(job.spec.training)
    model = job.load_model()
    if (job.spec.adapter or {}).get("peft_type") in PROMPT_LEARNING:
        settings["gradient_checkpointing"] = False  # TRL's default, but recomputation drops the prefix from the cache
    args = shared.build_arguments(trainer_class.config_class, job, settings)
    tokenizer = job.load_tokenizer()
    adapters.name_ends(model, chat.list_ends(tokenizer))
    tokenised = trainer_class.tokenise(tokenizer, rows, args, settings)
    adapter = job.build_adapter_config()
    virtual = adapters.count_virtual(model, adapter)
    check_rows(job.base_model, tokenised.rows, map(measure_row, tokenised.rows), virtual)
    if args.max_length is not None:  # what serves TRL's estimates alone is cut there, see `kto`
        args.max_length = min(args.max_length, count_positions_left(job.base_model, virtual) or args.max_length)
    log = shared.ProgressLog()
    trainer = trainer_class(
        model=model,
        args=args,
        train_dataset=tokenised.rows,
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=[log],
    )
    trainer.epoch_rows = tokenised.epoch_rows
    adapters.keep_trainable_in_float32(trainer.model)
    adapters.keep_start(trainer.model)
    costs = shared.train_and_measure(trainer, log, budget=job.budget)
    if len(log.rows) > 1 and not any(row.get("rewards/margins") for row in log.rows):
        raise UserError(
            "The margins between chosen and rejected answers never moved, so no preference was learnt and nothing is "
            "published. Raise training.learning_rate or the number of steps."
        )
    return trainer, log.rows, costs | tokenised.told
