"""The same training twice: as a plain TRL script does it, and as this project's stages do."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from tunelab import records
from tunelab.config.specs.training import CheckpointSettings, GrpoRun, SftRun
from tunelab.judging.rewards import build_reward_functions
from tunelab.models import adapters, chat
from tunelab.models.device import choose_device
from tunelab.training import grpo, sft
from tunelab.training.starts import load_start

SEED = 1


class Material(NamedTuple):
    """What a training starts from, and a folder for what it leaves."""

    base: Path
    rows: Path
    start: Path | None
    folder: Path


def train_plain(spec: SftRun | GrpoRun, dtype: torch.dtype, given: Material) -> dict[str, str]:
    """Train with TRL alone: its trainer, its collator, the base in `dtype`; rows are tokenised as the project does."""
    rows, device = records.read_jsonl(given.rows), choose_device()
    tokenizer = chat.load_tokenizer(given.base, padding_side="left" if spec.method == "grpo" else "right")
    common = {
        "output_dir": str(given.folder),
        **{"bf16": dtype == torch.bfloat16, "fp16": dtype == torch.float16, "use_cpu": device.type == "cpu"},
        **{"seed": SEED, "logging_steps": 1, "save_strategy": "no", "report_to": "none", "disable_tqdm": True},
    }
    peft_config = adapters.build_adapter_config(spec.adapter) if spec.adapter else None
    if spec.method == "grpo":
        rewards, weights = build_reward_functions(spec.rewards)
        trainer = GRPOTrainer(
            model=load_start(given.base, given.start, device, dtype, spec),
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
    rows, saving = records.read_jsonl(given.rows), CheckpointSettings(save_steps=10**6)
    if spec.method == "grpo":
        costs = grpo.train(given.base, given.start, rows, given.folder, saving, SEED, spec, dtype)[2]
    else:
        costs = sft.train(given.base, None, rows, rows[:2], given.folder, saving, SEED, spec, dtype)[2]
    return {name: costs[name] for name in ("scoring", "decoding") if name in costs}


VARIANTS: dict[str, Any] = {"plain": train_plain, "project": train_project}
