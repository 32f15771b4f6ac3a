"""Draw several answers to each training question, piece by piece, so that a killed job goes on with the next piece.

Each piece has a random seed of its own, from the entry's seed, the study's and the piece's number, so that the answers
do not depend on how often the job was stopped.
"""

import time
from pathlib import Path
from typing import Any

import numpy
from transformers import set_seed

from tunelab import records
from tunelab.config.specs.evaluation import GenerationSpec
from tunelab.config.specs.samples import SamplesSpec
from tunelab.evaluation.generation import Answerer, report_answers
from tunelab.models.run_model import RunModel

FIELDS = {"max_new_tokens", "temperature", "top_p", "top_k", "batch_size", "seed"}


def draw_answers(
    run_model: RunModel, rows: list[dict], spec: SamplesSpec, seed: int, checkpoints: Path
) -> tuple[list[dict], dict[str, Any]]:
    """Draw `spec.samples` answers to each row's last user message; return them row by row, and how they were made.

    Args:
        seed: the study's.
        checkpoints: folder of this very work, where finished pieces are looked for.
    """
    generation = GenerationSpec(do_sample=True, **spec.model_dump(include=FIELDS))
    answerer = Answerer(run_model, generation)
    encoded = answerer.encode(rows)  # refuses rows that are too long before any is answered
    # questions of like length side by side, which saves padding
    ordered = sorted(rows, key=lambda row: sum(len(turn["content"] or "") for turn in row["messages"][:-1]))
    size = max(1, spec.batch_size // spec.samples)
    pieces = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    made: list[dict] = []
    started, before = time.monotonic(), 0
    for number, piece in enumerate(pieces):
        file = checkpoints / f"piece_{number:05}.jsonl"
        if file.exists():
            made += records.read_jsonl(file)
            before = len(made)
            continue
        set_seed(int(numpy.random.SeedSequence([spec.seed, seed, number]).generate_state(1)[0]))
        drawn = _draw(answerer, piece, spec.samples)
        records.write_jsonl(file, drawn)
        made += drawn
        report_answers(len(made), len(rows) * spec.samples, time.monotonic() - started, before)
    prompts = {row["id"]: len(ids) for row, ids in zip(rows, encoded, strict=True)}
    by_row = {(answer["id"], answer["sample"]): answer for answer in made}
    answers = [by_row[row["id"], sample] for row in rows for sample in range(spec.samples)]
    costs = {
        "seconds": sum(answer.pop("seconds") for answer in answers),
        "tokens": sum(answer["tokens"] for answer in answers),
        **answerer.count((prompts[answer["id"]], answer["tokens"]) for answer in answers),
    }
    return answers, answerer.describe(rows[0]) | costs


def _draw(answerer: Answerer, piece: list[dict], samples: int) -> list[dict]:
    asked = [row for row in piece for _ in range(samples)]
    started, answers = time.monotonic(), {}
    for made in answerer.answer(asked):
        answers |= made
    share = (time.monotonic() - started) / len(asked)
    return [{**answers[index], "sample": index % samples, "seconds": share} for index in range(len(asked))]
