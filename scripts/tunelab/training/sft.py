"""Fine-tune on worked examples or plain texts with TRL's SFTTrainer: any PEFT adapter, or all weights.

Rows are tokenised here rather than by the trainer, so that training, measured losses and report share one loss mask.
"""

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from peft.tuners.cartridge.utils import initialize_kv_prefix_from_text
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl import SFTConfig, SFTTrainer

from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.study import cuts_rows
from tunelab.errors import UserError
from tunelab.models import adapters, chat
from tunelab.models.context_length import check_rows
from tunelab.models.learnt_rows import check_carried, read_row
from tunelab.models.packed_model import list_types
from tunelab.training import shared
from tunelab.training.checkpoints import ResumableTrainer, find_checkpoint
from tunelab.training.memory_fit import within_memory
from tunelab.training.training_job import TrainingJob

# --- AdaLoRA. It lowers ranks after each step, by averages over the steps that checkpoints keep, and its loss has a
# term for orthogonal factors. PEFT leaves both to the trainer.

BUDGET = "budget.safetensors"
AVERAGES = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # importance of each singular value
RANKS = "rank_pattern"


def has_budget(model: torch.nn.Module) -> bool:
    """Tell whether a model's adapter is AdaLoRA, which has a budget of ranks."""
    return "ADALORA" in list_types(model)


def measure_overlap(model: PeftModel) -> torch.Tensor:
    """Return AdaLoRA's term of the loss: how far its factors are from orthogonal, weighted.

    As in PEFT's `AdaLoraModel.forward`, whose loss TRL does not use.
    """
    factors = [(name, weight) for name, weight in model.named_parameters() if "lora_A" in name or "lora_B" in name]
    products = [weight @ weight.T if "lora_A" in name else weight.T @ weight for name, weight in factors]
    distances = [torch.linalg.norm(product - torch.eye(*product.shape).to(product)) for product in products]
    return model.peft_config["default"].orth_reg_weight * torch.stack(distances).mean()


class RankBudget(TrainerCallback):
    """Lower ranks after each step; keep what that needs in the checkpoints of `folder`, and go on from it."""

    def __init__(self, folder: Path) -> None:
        self._checkpoint = find_checkpoint(folder)

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        if self._checkpoint is not None:
            _restore_budget(model, load_file(self._checkpoint / BUDGET))

    def on_optimizer_step(self, args, state, control, model=None, **kwargs):
        # gradients are still there; steps are counted afterwards
        model.base_model.update_and_allocate(state.global_step + 1)

    def on_save(self, args, state, control, model=None, **kwargs):
        if state.is_world_process_zero:  # all processes give the same ranks away
            save_file(
                _copy_budget(model), Path(args.output_dir, f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}", BUDGET)
            )


def _copy_budget(model: Any) -> dict[str, torch.Tensor]:
    allocator, ranks = model.base_model.rankallocator, model.peft_config["default"].rank_pattern or {}
    averages = {f"{kind}:{name}": value for kind in AVERAGES for name, value in getattr(allocator, kind).items()}
    return averages | {f"{RANKS}:{name}": torch.tensor(kept) for name, kept in ranks.items()}


def _restore_budget(model: Any, kept: dict[str, torch.Tensor]) -> None:
    allocator, config, device = model.base_model.rankallocator, model.peft_config["default"], model.device
    for key, value in kept.items():
        kind, name = key.split(":", 1)
        if kind == RANKS:
            config.rank_pattern = (config.rank_pattern or {}) | {name: value.tolist()}
        else:
            getattr(allocator, kind)[name] = value.to(device)


class ResumableSFTTrainer(ResumableTrainer, SFTTrainer):
    """SFTTrainer that can go on from a checkpoint of any adapter, and adds AdaLoRA's term to the loss it trains on."""

    config_class = SFTConfig

    @property
    def tied(self) -> str | None:
        if self.model_accepts_loss_kwargs:
            return None
        return "this model's loss is a mean over the tokens of a micro-batch"

    def compute_loss(
        self, model: Any, inputs: dict, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if self.model.training and has_budget(self.model):
            loss = loss + measure_overlap(self.model) / (
                1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
            )
        return loss


def encode_rows(tokenizer: Any, rows: list[dict], max_length: int | None, assistant_only: bool) -> Dataset:
    """Tokenise the rows; refuse conversations that are cut before the assistant's first token.

    Args:
        max_length: where rows are cut; None: nowhere.
        assistant_only: whether only the assistant's turns of conversations are learnt; plain texts always are.

    Raises:
        UserError: naming the row and the setting that does not fit it.
    """
    check_carried(tokenizer, rows)
    encoded = []
    for row in rows:
        item = read_row(tokenizer, row).cut(max_length)
        if "text" in row:
            encoded.append({"input_ids": item["input_ids"]})
            continue
        if not any(item["assistant_masks"][1:]):  # the first token is never predicted
            raise UserError(
                f"training.max_length: row {row['id']} has no token of the assistant within {max_length} tokens; "
                "raise max_length or leave the row out."
            )
        if not assistant_only:
            if any(turn.get("weight") == 0 for turn in row["messages"]):
                raise UserError(
                    f"training.assistant_only_loss: false learns every turn, and row {row['id']} has turns that "
                    "are not to be learnt (weight, train or loss; a prompt's replies; train_on: last). Leave it out."
                )
            del item["assistant_masks"]
        encoded.append(item)
    return Dataset.from_list(encoded)


@within_memory
def train(job: TrainingJob, train_rows: list[dict], validation_rows: list[dict]) -> tuple[SFTTrainer, list[dict], dict]:
    """Train one run and return the trainer, its history and its costs."""
    spec = job.spec
    settings = dict(spec.training)
    assistant_only = settings.pop("assistant_only_loss", True)
    model = job.load_model()
    if list_types(model) & PROMPT_LEARNING or (spec.adapter or {}).get("peft_type") in PROMPT_LEARNING:
        settings["gradient_checkpointing"] = False  # TRL's default, but recomputation drops the prefix from the cache
    keep_best = (spec.adapter or list_types(model)) and settings.pop("load_best_model_at_end", False)
    args = shared.build_arguments(ResumableSFTTrainer.config_class, job, settings)
    tokenizer = job.load_tokenizer()
    log, best = shared.ProgressLog(), shared.BestAdapter() if keep_best else None
    _check_batches(args, len(train_rows))
    adapters.name_ends(model, chat.list_ends(tokenizer))
    adapter = job.build_adapter_config()
    most = args.max_length if cuts_rows(spec.training) else None
    encoded = [encode_rows(tokenizer, rows, most, assistant_only) for rows in (train_rows, validation_rows)]
    lengths = [min(len(ids), args.max_length or len(ids)) for part in encoded for ids in part["input_ids"]]
    check_rows(job.base_model, [*train_rows, *validation_rows], lengths, adapters.count_virtual(model, adapter))
    trainer = ResumableSFTTrainer(
        model=model,
        args=args,
        train_dataset=encoded[0],
        eval_dataset=encoded[1],
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=[log, best] if best else [log],
    )
    if spec.adapter and "init_text" in spec.adapter:
        fill_prefix(trainer.model, tokenizer, spec.adapter["init_text"])
    adapters.keep_trainable_in_float32(trainer.model)
    adapters.keep_start(trainer.model)
    if has_budget(trainer.model):
        trainer.add_callback(RankBudget(job.checkpoints))
    costs = shared.train_and_measure(trainer, log, best, budget=job.budget)
    return trainer, log.rows, costs


def _check_batches(args: SFTConfig, rows: int) -> None:
    needed = args.per_device_train_batch_size * args.world_size  # each process needs a batch
    if args.dataloader_drop_last and rows < needed:
        raise UserError(
            f"training.dataloader_drop_last: the {rows} rows to train on fill no batch of {needed}, so that nothing "
            "would be trained on; lower per_device_train_batch_size, or leave dataloader_drop_last out."
        )


def fill_prefix(model: PeftModel, tokenizer: Any, text: str) -> None:
    """Set a prefix to the model's key-value cache of `text`, repeated until it fills all virtual tokens."""
    wanted = model.peft_config["default"].num_virtual_tokens
    found = len(tokenizer(text, add_special_tokens=False)["input_ids"])
    if not found:
        raise UserError("adapter.init_text: is empty; write a sentence, or leave it out.")
    repeated = " ".join([text] * -(-wanted // found))
    initialize_kv_prefix_from_text(model, tokenizer, text=repeated, use_chat_template=False)
