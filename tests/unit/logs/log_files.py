"""The files of other tools, and how rows are written."""

import json
from pathlib import Path

FIXTURES = Path(__file__).parent / "fixtures"
SAMPLES = "samples_sums_2026-12-01T01-25-28.858825.jsonl"
CHOSEN = "samples_sums_2026-12-01T01-43-53.542961.jsonl"
RESULTS = "results_2026-12-01T01-25-28.858825.json"


def load(path: Path) -> list[dict]:
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def save(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
