"""Whether a model has positions enough for what a study sends it, which is known before any hour of work.

Beyond them, learnt positions end in an error and rotary ones in noise.
"""

from typing import Any

from tunelab.errors import UserError
from tunelab.values import list_names

# how configs call the number of positions, in the order of asking
NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length", "max_sequence_length")


def count_positions(config: dict[str, Any]) -> int | None:
    """Return how many positions a model has by its config; None if it says nothing of them."""
    config = config.get("text_config") or config
    named = next((config[name] for name in NAMES if isinstance(config.get(name), int)), None)
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    original, factor = scaling.get("original_max_position_embeddings"), scaling.get("factor")
    if named is None or not original or not factor:
        return named
    return max(named, int(original * factor))


def check_positions(config: dict[str, Any], sent: dict[str, Any], tokens: dict[str, dict], key: str) -> dict[str, Any]:
    """Return how many positions there are and are needed, by what is sent.

    config: the model's; sent: what `Slices.sent` says; tokens: the data sets' lengths by split (data set → splits).

    Raises:
        UserError: naming the model, and every run and task that needs more than it has; or a task of a single row,
            which is known as early.
    """
    for task, spec in sent["tasks"].items():
        if sent["compared"] and len(tokens[spec["dataset"]]["test"]["total"]) < 2:
            raise UserError(
                f"tasks.{task}: there is one row to answer, and one row compares no runs; raise "
                f"datasets.{spec['dataset']}.prepare.test, or bring more rows."
            )
    positions = count_positions(config)
    needed = {f"runs.{run}": _measure_run(spec, tokens[spec["dataset"]]) for run, spec in sent["runs"].items()}
    needed |= {f"tasks.{task}": _measure_task(spec, tokens[spec["dataset"]]) for task, spec in sent["tasks"].items()}
    over = {name: count for name, count in needed.items() if positions is not None and count > positions}
    if over:
        listed = list_names((f"{name} needs {count}" for name, count in over.items()), quoted=False)
        raise UserError(
            f"{key}: the model has {positions} positions, and {listed}. Lower a run's training.max_length (or "
            "max_completion_length) or a task's generation.max_new_tokens, leave the longest rows out, or choose a "
            "model of a longer context."
        )
    return {"positions": positions, "needed": needed}


def _measure_run(spec: dict[str, Any], splits: dict[str, dict]) -> int:
    rows = [splits["train"], splits["validation"]]
    if spec["completion"] is not None:
        return max(splits["train"]["prompt"]) + spec["completion"]
    kinds = ("total", "rejected") if spec.get("rejected") else ("total",)
    longest = max(length for lengths in rows for kind in kinds for length in lengths.get(kind, ()))
    return min(longest, spec["max_length"] or longest) + spec["virtual"]


def _measure_task(spec: dict[str, Any], splits: dict[str, dict]) -> int:
    asked = max(splits["test"]["prompt"]) + spec["max_new_tokens"]
    return max(asked, *splits["test"]["total"]) + spec["virtual"]
