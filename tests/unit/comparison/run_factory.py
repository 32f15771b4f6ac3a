"""Write the artefacts of one artificial run: training record, history, completions, answers, scores and losses."""

import hashlib
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tunelab.records import write_json, write_jsonl

SAMPLES = 4  # answers per question where several are drawn
REWARDS = {"correctness": 2.0, "integer": 0.5, "strict_format": 0.5, "soft_format": 0.5, "xml_count": 0.5}
# Chance of a right answer and of the layout on sums; loss per token on sums and on texts; similarity to the reference.
ABILITY = {
    "base": (0.05, 0.0, 2.1, 3.1, 0.12),
    "lora": (0.08, 0.02, 2.0, 2.1, 0.3),
    "prefix": (0.06, 0.0, 2.2, 2.6, 0.2),
    "warmstart": (0.45, 0.96, 0.4, 3.2, 0.11),
    "grpo": (0.55, 0.99, 0.5, 3.3, 0.11),
    "dpo": (0.02, 0.96, 0.9, 3.4, 0.1),  # collapsed
    "distilled": (0.5, 0.98, 0.5, 3.2, 0.11),
}
PLAN = ["The farmer sells the eggs", "She gives away half", "The rest is shared", "They buy more apples"]


def build_rows(dataset: str, rows: int) -> list[dict]:
    drawn = random.Random(f"{dataset} rows")
    examples = []
    for i in range(rows):
        a, b, c = (drawn.randint(2, 20) for _ in range(3))
        question, answer = (
            f"Ann has {a} apples and buys {b} bags of {c}. How many has she now? (row {i})",
            str(a + b * c),
        )
        reference = (
            f"<reasoning>\n{b} * {c} = {b * c}\n{a} + {b * c} = {answer}\n</reasoning>\n<answer>\n{answer}\n</answer>\n"
        )
        if dataset == "tech":
            question = f"What does the fan of computer {i} do?"
            reference = f"It moves warm air away from processor {i}, so that the parts stay cool and last longer."
        row = {
            "id": hashlib.sha256(question.encode()).hexdigest()[:12],
            "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": reference}],
        }
        examples.append(row | ({"answer": answer} if dataset == "sums" else {}))
    return examples


def write_run(folder: Path, run: str, seed: int, study: dict, rows: int) -> None:
    for name, task in study["tasks"].items():
        write_task(folder / name, random.Random(f"{run} {seed} {name}"), run, task, rows)
    write_drift(folder / "drift.jsonl", random.Random(f"{run} {seed} drift"), run, study)
    if run == "base":
        return
    history = build_history(run, seed)
    write_jsonl(folder / "history.jsonl", history)
    total, trained = 134_515_008, 2_442_240 if run == "prefix" else 4_884_480
    write_json(
        folder / "training.json",
        {
            "steps": history[-1]["step"],
            "epochs": 3.0,
            "train_seconds": history[-1]["seconds"] + 1.5,
            "tokens": history[-1]["tokens"],
            "tokens_per_second": 182.4,
            "peak_memory_bytes": 2_411_724_800,
            "trainable_parameters": trained,
            "saved_parameters": trained,
            "total_parameters": total,
            "artefact_bytes": trained * 4 + 2000,
            "best_step": 80,
            "resumed_at": [],
            "device": "cpu",
            "dtype": "bfloat16",
            "processes": 2 if run == "grpo" else 1,
            "threads": 2,
            "versions": {"python": "3.11.9", "torch": "2.13.0", "trl": "1.16.0"},
            **consume(run, history[-1]["tokens"]),
            **({"teacher_tokens": 18_000} if run == "distilled" else {}),
        },
    )
    if run == "dpo":
        write_json(
            folder / "choice.json",
            {"rows": 40, "drawn": 400, "asked": 50, "questions": ["a", "b"], "mean_tokens": [31.0, 35.5]},
        )
    if run == "grpo":
        write_completions(folder / "completions.parquet", history, random.Random(f"completions {seed}"))


def consume(run: str, tokens: int) -> dict:
    """Return what a training says it consumed."""
    parts = {"grpo": ("drawing", "reference"), "dpo": ("reference",), "distilled": ("drawing", "teacher")}
    passed = {"training": tokens, **dict.fromkeys(parts.get(run, ("validation",)), tokens)}
    drawn = {"completions": 2560} if run in ("grpo", "distilled") else {}
    flops = {part: 1_000_000_000 * (4 if part == "training" else 2) * count for part, count in passed.items()}
    return {"flops": flops, "passed_tokens": passed, **drawn}


def build_history(run: str, seed: int) -> list[dict]:
    drawn, rows = random.Random(f"{run} {seed} history"), []
    if run == "grpo":
        for step in range(1, 21):
            share = 0.6 + 0.015 * step + drawn.uniform(-0.1, 0.1)
            parts = {f"rewards/{name}/mean": top * min(1, share) for name, top in REWARDS.items()}
            rows.append(
                {
                    "step": step,
                    "epoch": step / 20,
                    "tokens": 900 * step,
                    "seconds": 9.1 * step,
                    "loss": 0.01,
                    "reward": sum(parts.values()),
                    "reward_std": drawn.uniform(0.3, 0.9),
                    "kl": 0.002 * step,
                    **parts,
                    "completions/mean_length": 60 - step,
                    "completions/clipped_ratio": max(0, 0.2 - 0.01 * step),
                    "frac_reward_zero_std": drawn.choice([0, 0.25, 0.5]),
                    "entropy": 0.6 - 0.01 * step,
                }
            )
        return rows
    if run in ("dpo", "distilled"):
        return [
            {"step": step, "epoch": step / 20, "tokens": 900 * step, "seconds": 2.1 * step, "loss": 0.7 / step}
            | ({} if run == "distilled" else prefer(step))
            for step in range(1, 21)
        ]
    low = ABILITY[run][2 if run == "warmstart" else 3]
    for step in range(5, 91, 5):
        loss = low + 1.4 * 0.95**step + drawn.uniform(-0.08, 0.08)
        rows.append({"step": step, "epoch": step / 30, "tokens": 310 * step, "seconds": 1.7 * step, "loss": loss})
        if step % 20 == 0:
            rows.append(rows[-1] | {"eval_loss": low + 1.3 * 0.95**step + 0.05})
            del rows[-1]["loss"]
    return rows


def prefer(step: int) -> dict:
    """Return what DPO logs while the margin grows and both answers become less likely."""
    chosen, rejected = -0.1 * step, -0.4 * step
    logged = {"chosen": chosen, "rejected": rejected, "margins": chosen - rejected, "accuracies": min(1.0, step / 10)}
    return {f"rewards/{name}": value for name, value in logged.items()}


def write_drawing(folder: Path) -> None:
    """Write the summary of drawn answers."""
    counts = {"answers": 400, "right": 150, "distinct_right": 90, "truncated": 3, "questions": 50, "seconds": 61.0}
    by_right = {"none": 10, "some": 35, "all": 5}
    lengths = {"right": 31.0, "wrong": 36.0}
    counts |= {"flops": {"drawing": 9_000_000_000_000}, "passed_tokens": {"drawing": 40_000}}
    write_json(folder / "summary.json", counts | {"questions_by_right": by_right, "mean_tokens": lengths})


def write_task(folder: Path, drawn: random.Random, run: str, task: dict, rows: int) -> None:
    examples = build_rows(task["dataset"], rows)
    answers, scores, losses = draw_answers(drawn, run, task, examples)
    write_jsonl(folder / "answers.jsonl", answers)
    write_jsonl(folder / "scores.jsonl", scores)
    write_jsonl(folder / "losses.jsonl", losses)
    if task["sampling"]:
        sampled = [draw_answers(drawn, run, task, examples[: task["sampling"]["rows"]])[1] for _ in range(SAMPLES)]
        write_jsonl(
            folder / "sample_scores.jsonl", [row | {"sample": i} for i, scores in enumerate(sampled) for row in scores]
        )
    write_json(
        folder / "generation.json",
        {
            "generation": task["generation"],
            "seconds": 31.5,
            "tokens": 2400,
            "dtype": "bfloat16",
            "device": "cpu",
            "rendered_example": "<|im_start|>user\nHow many?<|im_end|>\n",
        },
    )


def write_repeat(folder: Path, run: str, repeat: str, study: dict, rows: int) -> None:
    """Write a repeated evaluation: the same again, or with other draws as another batch size might give."""
    for name, task in study["tasks"].items():
        seed = 0 if run == "base" else study["study"]["seeds"][0]
        drawn = random.Random(f"{run} {seed} {name}{' rebatched' if repeat == 'rebatched' else ''}")
        _, scores, losses = draw_answers(drawn, run, task, build_rows(task["dataset"], rows))
        write_jsonl(folder / name / "scores.jsonl", scores)
        write_jsonl(folder / name / "losses.jsonl", losses)


def write_drift(path: Path, drawn: random.Random, run: str, study: dict) -> None:
    """Write the loss on a neutral text's paragraphs and on the first held-out rows, and the divergence on both."""
    texts = [("text", Path(text).stem, f"p{i}") for text in study["drift"]["texts"] for i in range(6)]
    rows = [
        ("task", name, row["id"])
        for name, task in study["tasks"].items()
        for row in build_rows(task["dataset"], study["drift"]["rows"])
    ]
    write_jsonl(
        path,
        [
            {
                **{"kind": kind, "source": source, "id": row, "tokens": 40, "bytes": 160},
                "loss": 40 * ABILITY[run][3] * drawn.uniform(0.9, 1.1),
                "kl": 0.0 if run == "base" else 40 * drawn.uniform(0.01, 0.3),
            }
            for kind, source, row in texts + rows
        ],
    )


def draw_answers(drawn: random.Random, run: str, task: dict, examples: list[dict]) -> tuple[list, list, list]:
    right, layout, sums_loss, text_loss, likeness = ABILITY[run]
    maths, answers, scores, losses = task["kind"] == "maths", [], [], []
    for example in examples:
        reference, tokens, cut = example["messages"][-1]["content"], drawn.randint(20, 96), drawn.random() < 0.06
        correct, formatted = drawn.random() < right, drawn.random() < layout
        number = example.get("answer") if correct else str(drawn.randint(1, 400))
        text = f"<reasoning>\n{drawn.choice(PLAN)}.\n</reasoning>\n<answer>\n{number}\n</answer>\n"
        text = text if formatted else f"{drawn.choice(PLAN)}, so the result is {number}."
        if not maths:
            text = (
                reference
                if drawn.random() < likeness
                else f"The fan {example['id']} is part {drawn.randint(1, 5)} of a computer that cools."
            )
        answers.append(
            {"id": example["id"], "completion": text, "tokens": tokens, "finish": "length" if cut else "stop"}
        )
        loss = (sums_loss if maths else text_loss) * 30 * drawn.uniform(0.6, 1.4)
        losses.append({"id": example["id"], "loss": loss, "tokens": 30, "bytes": len(reference.encode())})
        row = {"id": example["id"], "truncated": cut, "tokens": tokens}
        if maths:
            met = {
                "correctness": correct and formatted,
                "integer": formatted,
                "strict_format": formatted,
                "soft_format": formatted,
                "xml_count": formatted,
            }
            row |= {
                "strict": correct and formatted,
                "tagged": correct and formatted,
                "flexible": correct,
                "strict_format": formatted,
                "soft_format": formatted,
                "no_answer": not formatted,
                "extracted": {"tagged": number if formatted else None, "flexible": number},
                "answer": example["answer"],
                "rewards": {name: top * met[name] for name, top in REWARDS.items()},
            }
        else:
            score = min(1.0, max(0.0, likeness + drawn.uniform(-0.1, 0.5)))
            row |= {"rouge_l": score, "chrf": 90 * score, "length_ratio": drawn.uniform(0.5, 2.0)}
        scores.append(row)
    return answers, scores, losses


def write_completions(path: Path, history: list[dict], drawn: random.Random) -> None:
    rows = []
    for entry in history:
        for _ in range(8):
            hit = drawn.random() < entry["step"] / 25
            rows.append(
                {
                    "step": entry["step"],
                    "prompt": "Tom has 3 pens and buys 4 more. How many has he?",
                    "answer": "7",
                    "completion": f"<reasoning>\n3 + 4\n</reasoning>\n<answer>\n{7 if hit else 8}\n</answer>\n",
                    "reward": 4.0 if hit else 2.0,
                    "advantage": 0.5 if hit else -0.5,
                    "tokens": 31,
                    "truncated": False,
                    **{name: top if hit or name != "correctness" else 0.0 for name, top in REWARDS.items()},
                }
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
