"""End a training when it has consumed its budget (`study.budget`), what it began from counted in."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.config.budget import read_amounts
from tunelab.config.specs.study import BudgetSpec
from tunelab.errors import UserError


@dataclass(frozen=True)
class Budget:
    """How much a run may consume on one axis, and what it began from has consumed before its first step."""

    axis: str
    limit: float
    before: float

    def describe(self, consumed: float) -> dict[str, Any]:
        """Return how the budget was used, as it stands among a run's costs; `consumed` is the run's own part."""
        spent = self.before + consumed
        return {"axis": self.axis, "limit": self.limit, "before": self.before, "share": spent / self.limit}


def read_budget(spec: BudgetSpec | None, consumed: Iterable[Path]) -> Budget | None:
    """Read what a run's start, its drawn answers and its teacher consumed; None without a budget.

    Raises:
        UserError: if that is all of the budget.
    """
    if spec is None:
        return None
    spent = {str(file): read_amounts(records.read_json(file))[spec.axis] for file in consumed}
    before, told = sum(spent.values()), ", ".join(f"{file}: {amount:.4g}" for file, amount in spent.items())
    if before >= spec.limit:
        raise UserError(
            f"study.budget.limit: {spec.limit:g} {spec.axis} are spent before the first step: what this run began from "
            f"consumed {before:.4g} ({told}). Raise the limit, or begin from less (a shorter start, fewer answers)."
        )
    return Budget(spec.axis, spec.limit, before)
