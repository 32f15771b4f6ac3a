"""Provenance cards as jobs leave them, for tests that run no job."""

import json
from pathlib import Path

from tunelab.jobs.jobcards import card_file, hash_outputs
from tunelab.records import hash_file


def write_card(log: str, facts: list[str] = (), inputs: list[str] = (), outputs: list[str] = (), **more) -> Path:
    """Write the card of the job with this log; `inputs` and `outputs` are files (outputs: folders too) that exist."""
    stage = Path(log).parent.name if Path(log).parent.name != "logs" else Path(log).stem
    card = {
        "rule": {"train": "train_sft"}.get(stage, stage),
        "wildcards": {},
        "facts": list(facts),
        "inputs": {path: hash_file(Path(path)) for path in inputs},
        "outputs": hash_outputs(outputs),
        "key": "0123456789abcdef",
        "started": "2026-11-22T18:00:00+00:00",
        "finished": "2026-11-22T18:02:04+00:00",
        "seconds": 124.0,
        "peak_memory_bytes": 3_100_000_000,
        "threads": 2,
        "host": "elsewhere",
        "platform": "Linux",
        "python": "3.11.7",
        "commit": None,
        "dirty": None,
        "reused_from": None,
    }
    path = card_file(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(card | more), encoding="utf-8")
    return path


def write_file(path: str, content: str = "") -> str:
    """Write a small file, its path by default, and return its path."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content or path, encoding="utf-8")
    return path
