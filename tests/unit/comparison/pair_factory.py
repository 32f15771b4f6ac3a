"""Turn the texts of an artificial study into pairs of a chosen and a rejected answer, with runs' losses on both."""

import random
from pathlib import Path

from tests.unit.comparison.results_factory import write_results
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_jsonl, write_jsonl

PREFERRING = {"base": 1.0, "lora": 1.1, "prefix": 1.0, "warmstart": 1.0, "grpo": 0.9, "dpo": 1.4, "distilled": 1.0}


def write_pairs(root: Path, study: dict, rows: int = 12) -> dict:
    """Write a study whose task `support` has rows of pairs, from which DPO learns if it is a run of the study."""
    study["datasets"]["tech"]["prepare"]["format"] = "preference"
    if "dpo" in study["runs"]:
        study["runs"]["dpo"] |= {"dataset": "tech", "samples": None}
    write_results(root, study, rows)
    test = root / "datasets/tech/test_dataset.json"
    rejected = {"role": "assistant", "content": "It is there for the noise."}
    write_jsonl(test, [row | {"rejected": rejected} for row in read_jsonl(test)])
    for file in [*root.glob("runs/*/*/support/losses.jsonl"), *root.glob("noise/*/support/losses.jsonl")]:
        run = file.relative_to(root).parts[1]
        drawn, mean = random.Random(f"{run} rejected"), PREFERRING.get(run, 1.0)
        write_jsonl(
            file,
            [
                row | {"rejected_loss": row["loss"] * drawn.gauss(mean, 0.3), "rejected_tokens": drawn.randint(20, 40)}
                for row in read_jsonl(file)
            ],
        )
    return study


def plant(study: StudyFolder, run: str, seed: int, pairs: list[tuple[float, int, float, int]]) -> None:
    """Give a run these losses and tokens of the chosen and the rejected answer, row by row."""
    file = study.task_file(run, seed, "support", "losses.jsonl")
    names = ("loss", "tokens", "rejected_loss", "rejected_tokens")
    rows = zip(read_jsonl(file), pairs, strict=True)
    write_jsonl(file, [row | dict(zip(names, pair, strict=True)) for row, pair in rows])


def plant_gaps(study: StudyFolder, run: str, seed: int, gaps: list[float]) -> None:
    """Write losses by which a run finds the chosen answers likelier by so many nats."""
    plant(study, run, seed, [(20.0, 10, 20.0 + gap, 10) for gap in gaps])
