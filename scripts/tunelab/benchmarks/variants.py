"""Train the same run as a plain TRL script does and as this project's stages do, and watch it step by step."""

import contextlib
import itertools
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import Trainer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from tunelab import records
from tunelab.config.specs.training import CheckpointSettings, GrpoRun, SftRun
from tunelab.models import adapters
from tunelab.models.device import choose_device, measure_peak_memory
from tunelab.scoring.rewards import build_reward_functions
from tunelab.training import grpo, sft
from tunelab.training.training_job import TrainingJob

# method of the trainer, of its model or accelerator → the part of a step that it is
TIMED = {
    "_generate_and_score_completions": "prepare",
    "model.generate": "generate",
    "compute_loss": "forward",
    "accelerator.backward": "backward",
}
CURVES = ("loss", "reward", "grad_norm")
SEED = 1


class StepWatch(TrainerCallback):
    """Keep a row for each optimizer step in `rows`: seconds, their parts, page faults and system seconds."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._spent: Counter[str] = Counter()

    def attach(self, trainer: Trainer) -> None:
        trainer.add_callback(self)
        for path, part in TIMED.items():
            *owners, name = path.split(".")
            owner = getattr(trainer, owners[0]) if owners else trainer
            if hasattr(owner, name):
                setattr(owner, name, self._time(getattr(owner, name), part))

    def on_step_begin(self, args, state, control, **kwargs):
        self._spent.clear()
        self._usage, self._started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        seconds, usage = time.perf_counter() - self._started, resource.getrusage(resource.RUSAGE_SELF)
        self.rows.append(
            {
                "seconds": seconds,
                "parts": split_step(seconds, self._spent),
                "page_faults": usage.ru_minflt - self._usage.ru_minflt,
                "system_seconds": usage.ru_stime - self._usage.ru_stime,
            }
        )

    def _time(self, method: Callable, part: str) -> Callable:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self._spent[part] += time.perf_counter() - started

        return timed


def split_step(seconds: float, spent: dict[str, float]) -> dict[str, float]:
    """Split a step's seconds: GRPO into generate, reference (with rewards) and policy, others into forward, backward.

    `rest` is what remains.
    """
    if "generate" in spent:
        parts = {"generate": spent["generate"], "reference": spent["prepare"] - spent["generate"]}
        parts["policy"] = spent["forward"] + spent["backward"]
    else:
        parts = {"forward": spent["forward"], "backward": spent["backward"]}
    return parts | {"rest": seconds - sum(parts.values())}


@contextlib.contextmanager
def watched_training(found: dict[str, Any]) -> Iterator[None]:
    """Fill `found` with what the training in the block took: steps, curves, tokens, bytes of memory.

    steps: rows of `StepWatch`; curves: name → values by step; tokens: of each step, padding left out.
    """
    train = Trainer.train

    def watch(trainer: Trainer, *args: Any, **kwargs: Any) -> Any:
        steps = StepWatch()
        steps.attach(trainer)
        output = train(trainer, *args, **kwargs)
        logged = [row for row in trainer.state.log_history if "loss" in row]
        tokens = [0, *(int(row["num_tokens"]) for row in logged)]
        found["steps"] = steps.rows
        found["curves"] = {name: [float(row[name]) for row in logged] for name in CURVES if name in logged[0]}
        found["tokens"] = [after - before for before, after in itertools.pairwise(tokens)]
        found["peak_memory_bytes"] = measure_peak_memory(trainer.args.device)
        found["layer_weights"] = count_layer_weights(trainer.model)
        return output

    Trainer.train = watch
    try:
        yield
    finally:
        Trainer.train = train


def count_layer_weights(model: Any) -> int:
    """Count the weights of the base's linear layers, its output layer left out."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    head = base.get_output_embeddings()
    return sum(
        module.in_features * module.out_features
        for name, module in base.named_modules()
        if hasattr(module, "in_features") and module is not head and "lora" not in name and "base_layer" not in name
    )


class Material(NamedTuple):
    """What a training starts from, and a folder for what it writes."""

    base: Path
    rows: Path
    start: Path | None
    folder: Path

    def build_job(self, spec: SftRun | GrpoRun, dtype: torch.dtype) -> TrainingJob:
        return TrainingJob(
            base_model=self.base,
            init_from=self.start,
            checkpoints=self.folder,
            saving=CheckpointSettings(save_steps=10**6),
            seed=SEED,
            spec=spec,
            dtype=dtype,
        )


def train_plain(spec: SftRun | GrpoRun, dtype: torch.dtype, given: Material) -> dict[str, str]:
    """Train with TRL alone: its trainer, its collator, the base in `dtype`; rows are tokenised as the project does."""
    rows, device = records.read_jsonl(given.rows), choose_device()
    job = given.build_job(spec, dtype)
    tokenizer = job.load_tokenizer(padding_side="left" if spec.method == "grpo" else "right")
    common = {
        "output_dir": str(given.folder),
        "bf16": dtype == torch.bfloat16,
        "fp16": dtype == torch.float16,
        "use_cpu": device.type == "cpu",
        "seed": SEED,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    peft_config = adapters.build_adapter_config(spec.adapter) if spec.adapter else None
    if spec.method == "grpo":
        rewards, weights = build_reward_functions(spec.rewards)
        trainer = GRPOTrainer(
            model=job.load_model(),
            reward_funcs=rewards,
            args=GRPOConfig(**(spec.training | common), reward_weights=weights),
            train_dataset=grpo.build_dataset(rows, spec.rewards.shuffle_gold, SEED),
            processing_class=tokenizer,
            peft_config=peft_config,
        )
    else:
        settings = dict(spec.training)
        assistant_only = settings.pop("assistant_only_loss", True)
        trainer = SFTTrainer(
            model=adapters.load_base_model(given.base, device, dtype, spec.quantization),
            args=SFTConfig(**(settings | common)),
            train_dataset=sft.encode_rows(tokenizer, rows, settings.get("max_length"), assistant_only),
            processing_class=tokenizer,
            peft_config=peft_config,
        )
        if "init_text" in (spec.adapter or {}):
            sft.fill_prefix(trainer.model, tokenizer, spec.adapter["init_text"])
    trainer.train()
    return {"scoring": "TRL", "decoding": "generate"}


def train_project(spec: SftRun | GrpoRun, dtype: torch.dtype, given: Material) -> dict[str, str]:
    """Train by the functions that the stages call."""
    rows, job = records.read_jsonl(given.rows), given.build_job(spec, dtype)
    costs = (grpo.train(job, rows) if spec.method == "grpo" else sft.train(job, rows, rows[:2]))[2]
    return {name: costs[name] for name in ("scoring", "decoding") if name in costs}


VARIANTS: dict[str, Any] = {"plain": train_plain, "project": train_project}
