"""Publish trained weights so that they load without this project."""

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from tunelab.models import adapters
from tunelab.models.model_origin import find_revision, name_origin


def publish_weights(model: Any, tokenizer: Any, folder: Path, card: dict) -> dict[str, int]:
    """Write an adapter or whole model as a folder that PEFT or transformers loads on any machine.

    Args:
        card: the fetched base model's; its origin replaces this machine's path in the adapter's config.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    if adapters.is_adapter(folder):
        config = model.peft_config["default"]
        config.base_model_name_or_path, config.revision = name_origin(card), find_revision(card)
        for name, value in vars(config).items():
            if isinstance(value, set):
                setattr(config, name, sorted(value))  # PEFT would write it in the order of hashes, another in each run
        if hasattr(config, "tokenizer_name_or_path"):
            config.tokenizer_name_or_path = config.base_model_name_or_path
        model.save_pretrained(part, selected_adapters=["default"], **_write_start(model, part / "start"))
        shutil.rmtree(part / "start", ignore_errors=True)
        (part / "README.md").unlink(missing_ok=True)  # PEFT's own; a stage of its own renders ours
    else:
        model.config.use_cache = True  # the trainer turns it off for gradient checkpointing
        adapters.record_tying(model)
        model.save_pretrained(part, max_shard_size="1TB")
        tokenizer.save_pretrained(part)
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(part.iterdir(), key=lambda file: file.suffix == ".safetensors")
    files = [file.replace(folder / file.name) for file in files]
    part.rmdir()
    # the one that it was trained with, which need not be the base's
    (folder / "chat_template.jinja").write_bytes(tokenizer.get_chat_template().encode())
    return {
        "saved_parameters": sum(_count_parameters(file) for file in files if file.suffix == ".safetensors"),
        "artefact_bytes": sum(file.stat().st_size for file in files),
    }


def _write_start(model: Any, folder: Path) -> dict[str, str]:
    """Write what an adapter started from, if that changed the base, and return PEFT's argument for it.

    PEFT then publishes the difference, as a plain LoRA of twice the rank for the base as it was fetched. Otherwise the
    change would be computed again whenever the adapter is loaded, and differ where it is drawn or rounded.
    """
    start = getattr(model, adapters.START, None)
    if start is None:
        return {}
    trained = adapters.copy_trainable(model)
    adapters.restore_trainable(model, start)
    model.save_pretrained(folder, selected_adapters=["default"])
    adapters.restore_trainable(model, trained)
    return {"path_initial_model_for_weight_conversion": str(folder)}


def _count_parameters(file: Path) -> int:
    with safe_open(file, "pt") as tensors:
        return sum(torch.Size(tensors.get_slice(name).get_shape()).numel() for name in tensors.keys())  # noqa: SIM118
