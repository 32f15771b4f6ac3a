"""The axes on which runs can be given equal budgets (`study.budget`), and what a record of costs tells on each.

Also the check that a study can have one.
"""

from collections.abc import Iterator
from typing import Any

from tunelab.config.drafts import Draft, Problem
from tunelab.config.methods import DRAWING
from tunelab.config.wording import show

AXES = ("flops", "tokens", "completions", "seconds")


def read_amounts(costs: dict[str, Any]) -> dict[str, float]:
    """Return what a training consumed (its training.json), or what drawing answers did (their summary.json)."""
    drawn = "answers" in costs
    return {
        "flops": sum(costs["flops"].values()),
        "tokens": sum(costs["passed_tokens"].values()),
        "completions": costs["answers"] if drawn else costs.get("completions", 0),
        "seconds": costs["seconds" if drawn else "train_seconds"],
    }


def check_budget(config: Draft) -> Iterator[Problem]:
    """Find runs that would never reach a budget, since they consume nothing on its axis."""
    budget = config.study.budget
    if budget is None or budget.axis != "completions":
        return
    for name in config.study.runs:
        method = config.runs[name].method
        if method not in (*DRAWING, "base"):
            text = f"the run {show(name)} (method {method}) draws none while it trains; take flops or tokens"
            yield Problem(("study", "budget", "axis"), text)
