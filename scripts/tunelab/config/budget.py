"""The axes on which runs can be given equal budgets (`study.budget`), and what a record of costs tells on each."""

from typing import Any


def read_amounts(costs: dict[str, Any]) -> dict[str, float]:
    """Return what a training consumed (its training.json), or what drawing answers did (their summary.json)."""
    drawn = "answers" in costs
    return {
        "flops": sum(costs["flops"].values()),
        "tokens": sum(costs["passed_tokens"].values()),
        "completions": costs["answers"] if drawn else costs.get("completions", 0),
        "seconds": costs["seconds" if drawn else "train_seconds"],
    }
