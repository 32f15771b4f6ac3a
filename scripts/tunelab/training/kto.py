"""Train on single answers, each labelled as desirable or not, with TRL's KTOTrainer.

TRL takes rows in a fixed order, since it estimates the divergence from each question with the answer of the row before
it in the batch. Rows sorted by label would make batches of one label. Here each epoch has an order of its own, drawn by
the seed, with both labels in every batch.
"""

import functools
import random
from collections.abc import Iterator
from typing import Any

from datasets import Dataset
from torch.utils.data import Sampler
from trl import KTOConfig, KTOTrainer

from tunelab.data.preferences import list_labelled
from tunelab.models.learnt_rows import check_told_apart
from tunelab.training import preference_training


class EpochOrder(Sampler):
    """Draw the rows of one epoch in their order, after those of the epochs before it."""

    def __init__(self, rows: int) -> None:
        self._rows, self._epoch = rows, 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._epoch * self._rows, (self._epoch + 1) * self._rows))

    def __len__(self) -> int:
        return self._rows


class ResumableKTOTrainer(preference_training.TokenisedTrainer, KTOTrainer):
    """KTOTrainer that takes tokenised answers, in the order of each epoch, and can go on from a checkpoint."""

    config_class = KTOConfig
    tied = "KTO needs answers of both labels, and estimates its divergence, in every micro-batch"

    @staticmethod
    def tokenise(
        tokenizer: Any, rows: list[dict], args: KTOConfig, settings: dict[str, Any]
    ) -> preference_training.Tokenised:
        answers = list_labelled(rows)
        encoded = preference_training.encode_answers(tokenizer, answers, ("completion",))
        if "label" not in rows[0]:  # pairs, whose answers stand one after the other
            check_told_apart(
                [row["id"] for row in rows], *([row["completion_ids"] for row in encoded[side::2]] for side in (0, 1))
            )
        longest = preference_training.check_lengths(encoded, args.max_length, "answers")
        # for its estimate TRL puts answers after other questions, which may be longer: there it cuts
        args.max_length = args.max_length or longest
        labels, size = [answer["label"] for answer in answers], args.per_device_train_batch_size
        seed = args.seed if args.data_seed is None else args.data_seed
        epochs = mix_rows(labels, size, count_epochs(args, count_batches(labels, size)), seed)
        weights = weigh_labels([labels[place] for place in epochs[0]], settings)
        args.desirable_weight, args.undesirable_weight = weights["desirable_weight"], weights["undesirable_weight"]
        order = [place for epoch in epochs for place in epoch]
        ordered = [encoded[place] | {"label": labels[place]} for place in order]
        if args.loss_type == "kto":  # the other loss needs no divergence
            for row, other in zip(ordered, rotate(order, size), strict=True):
                row["KL_completion_ids"] = encoded[other]["completion_ids"]
        rows = len(epochs[0])
        return preference_training.Tokenised(Dataset.from_list(ordered), weights | {"epoch_rows": rows}, rows)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EpochOrder:
        return EpochOrder(self.epoch_rows)


def mix_rows(labels: list[bool], size: int, epochs: int, seed: int) -> list[list[int]]:
    """Return, for each epoch, the indices of its rows in the order of training: full batches with both labels in each.

    Every row comes once in an epoch. Rows of the scarcer label are repeated, about equally often, to fill up the
    batches and to have one in each.

    Args:
        size: rows of a batch, at least 2.
    """
    scarce, common = sorted(
        ([place for place, label in enumerate(labels) if label is kind] for kind in (True, False)), key=len
    )
    draw, batches = random.Random(seed), count_batches(labels, size)
    return [_mix_epoch(scarce, common, batches, size, draw) for _ in range(epochs)]


def count_batches(labels: list[bool], size: int) -> int:
    """Return how many batches of `size` rows an epoch has, each with at least one row of the scarcer label."""
    commoner = max(labels.count(True), labels.count(False))
    return max(-(-len(labels) // size), -(-commoner // (size - 1)))


def _mix_epoch(scarce: list[int], common: list[int], batches: int, size: int, draw: random.Random) -> list[int]:
    wanted = batches * size - len(common)
    again = [row for _ in range(-(-wanted // len(scarce))) for row in draw.sample(scarce, len(scarce))]
    # dealt one by one like cards, so that all batches have as many of each label, but for one
    cards = again[:wanted] + draw.sample(common, len(common))
    hands = [draw.sample(hand, size) for hand in (cards[number::batches] for number in range(batches))]
    return [row for hand in draw.sample(hands, batches) for row in hand]


def weigh_labels(labels: list[bool], settings: dict[str, Any]) -> dict[str, float]:
    """Return weights of the labels' losses by which both labels count alike (Ethayarajh et al. 2024, equation 8).

    The paper is arXiv:2402.01306. If `settings` has one of the weights, the other one is computed from it; if it has
    none, the mean weight of the rows is 1.

    Args:
        labels: of the rows of an epoch.
    """
    names = ("desirable_weight", "undesirable_weight")
    counts = dict(zip(names, (labels.count(True), labels.count(False)), strict=True))
    given = {name: float(settings[name]) for name in names if settings.get(name) is not None}
    share = next((weight * counts[name] for name, weight in given.items()), len(labels) / 2)
    return {name: given.get(name, share / counts[name]) for name in names}


def count_epochs(args: KTOConfig, batches: int) -> int:
    """Return how many epochs transformers' Trainer needs for the steps of the arguments."""
    steps = -(-batches // args.gradient_accumulation_steps)
    epochs = args.max_steps / steps if args.max_steps > 0 else args.num_train_epochs
    return -int(-epochs // 1)


def rotate(order: list[int], size: int) -> list[int]:
    """Return, for each row, the one before it in its batch; for the first one, the last."""
    batches = [order[begin : begin + size] for begin in range(0, len(order), size)]
    return [place for batch in batches for place in [*batch[-1:], *batch[:-1]]]


train = functools.partial(preference_training.train, ResumableKTOTrainer)
