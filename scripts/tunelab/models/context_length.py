"""Read how many positions a fetched model has, and check that a job's rows are not longer.

Beyond them, models with learnt positions raise an error, and those with rotary ones write noise. A study checks this
first (`positions`), but no job waits for that check, so each job checks its own rows once they are tokenised.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.errors import UserError

REMEDY = (
    "Lower a run's training.max_length (or max_completion_length) or a task's generation.max_new_tokens, leave the "
    "longest rows out, or choose a model of a longer context."
)
# what configs call the number of positions, in the order in which they are tried
NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length", "max_sequence_length")


def count_positions(config: dict[str, Any]) -> int | None:
    """Return how many positions a model has by its config; None if the config does not say."""
    config = config.get("text_config") or config
    named = next((config[name] for name in NAMES if isinstance(config.get(name), int)), None)
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    original, factor = scaling.get("original_max_position_embeddings"), scaling.get("factor")
    if named is None or not original or not factor:
        return named
    return max(named, int(original * factor))


def count_positions_left(model: Path, virtual: int = 0) -> int | None:
    """Return how many positions a fetched model has for a row; None if its config does not say.

    Args:
        virtual: tokens that an adapter puts before every row.
    """
    positions = count_positions(records.read_json(model / "config.json"))
    return None if positions is None else positions - virtual


def check_rows(model: Path, rows: Iterable[dict[str, Any]], lengths: Iterable[int], virtual: int = 0) -> None:
    """Check that a fetched model has positions for all of a job's rows.

    Args:
        lengths: the rows' tokens, with those of the answer to come.
        virtual: tokens that an adapter puts before every row.

    Raises:
        UserError: naming the longest row, if it is too long.
    """
    left = count_positions_left(model, virtual)
    longest, row = max(zip(lengths, (row["id"] for row in rows), strict=True))
    if left is not None and longest > left:
        raise UserError(
            f"The model in {model} has {left + virtual} positions, and row {row} needs {longest + virtual}. {REMEDY}"
        )
