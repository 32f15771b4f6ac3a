"""Pass what a partial report says of itself from the tool that starts Snakemake to the page."""

import os
from pathlib import Path
from typing import Any

from tunelab import records

VARIABLE = "TUNELAB_PARTIAL_REPORT"  # names the file; set only for the Snakemake that makes a partial report
FILE = Path(".snakemake/partial.json")


def hand_over(partial: dict[str, Any]) -> dict[str, str]:
    """Write what the page shall say, and return the environment in which Snakemake finds it."""
    records.write_json(FILE, partial)
    return os.environ | {VARIABLE: str(FILE.resolve())}


def load_partial() -> dict[str, Any] | None:
    """Return what a partial report says of what it lacks; None in an ordinary run."""
    file = os.environ.get(VARIABLE)
    return records.read_json(Path(file)) if file else None
