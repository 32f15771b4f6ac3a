"""What a partial report tells of itself, on its way from the tool that starts Snakemake for it to the page."""

import os
from pathlib import Path
from typing import Any

from tunelab import records

VARIABLE = "TUNELAB_PARTIAL_REPORT"  # names the file for the Snakemake that makes such a page; no other one has it
FILE = Path(".snakemake/partial.json")


def hand_over(partial: dict[str, Any]) -> dict[str, str]:
    """Write what the page is to tell, and return the environment in which Snakemake finds it."""
    records.write_json(FILE, partial)
    return os.environ | {VARIABLE: str(FILE.resolve())}


def load_partial() -> dict[str, Any] | None:
    """Return what the page is to tell of what it lacks; None in every ordinary run."""
    file = os.environ.get(VARIABLE)
    return records.read_json(Path(file)) if file else None
