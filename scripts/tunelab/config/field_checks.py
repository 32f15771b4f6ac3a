"""Check TRL's, PEFT's and bitsandbytes' own fields of each run, and turn its plain mappings into drafts."""

from collections.abc import Iterator

from tunelab.config.arguments import check_arguments, load_arguments
from tunelab.config.drafts import Draft, Problem
from tunelab.config.peft_types import PROMPT_LEARNING, UNSUPPORTED
from tunelab.config.wording import refuse_choice, refuse_value

TRAINER_CONFIGS = {"sft": "SFTConfig", "grpo": "GRPOConfig"}
OWNED_TRAINING = {
    "output_dir": "artefacts have fixed places below study.results",
    "seed": "list seeds in study.seeds",
    "push_to_hub": "publish the finished adapter folder by hand",
    "hub_token": "the token comes from the environment or the login store",
    "model_init_kwargs": "the model is loaded by the workflow; see `quantization`",
    "use_cpu": "the device is found at run time",
    "reward_weights": "set the run's rewards.weights",
    "chat_template_path": "the model's own chat template is used everywhere",
    "dataset_kwargs": "rows are tokenised by the workflow, alike for training and evaluation",
    "resume_from_checkpoint": "a killed training goes on from its own last checkpoint",
    "save_only_model": "a killed training needs the optimizer's state to go on",
}
OWNED_ADAPTER = {
    "base_model_name_or_path": "it is the run's model",
    "inference_mode": "it follows from training or evaluating",
}
# what PEFT has a default for that no model can be built with
REQUIRED = dict.fromkeys(PROMPT_LEARNING, ("num_virtual_tokens",)) | {
    "ADALORA": ("total_step",),
    "ADAPTION_PROMPT": ("adapter_len", "adapter_layers"),
    "TRAINABLE_TOKENS": ("token_indices",),
}


def check_fields(config: Draft, path: tuple, run: Draft) -> Iterator[Problem]:
    """Check all fields of one run; from here on its sections are drafts, or wrong."""
    if run.right.get("training") is not None:
        yield from _check_training(path, run)
    if run.right.get("adapter") is not None:
        yield from _check_adapter((*path, "adapter"), run)
    if run.right.get("quantization") is not None:
        yield from _check_class((*path, "quantization"), run, "BitsAndBytesConfig", {})


def _check_training(path: tuple, run: Draft) -> Iterator[Problem]:
    if "method" in run.wrong:
        run.wrong.add("training")  # whose fields they are depends on it
    else:
        yield from _check_class((*path, "training"), run, TRAINER_CONFIGS[run.method], OWNED_TRAINING)


def _check_adapter(path: tuple, run: Draft) -> Iterator[Problem]:
    fields = dict(run.adapter)
    kinds = sorted({name for name in load_arguments() if name.isupper()} - UNSUPPORTED)
    if fields.get("peft_type") not in kinds:
        run.wrong.add("adapter")
        missing = f"is required: one of {', '.join(kinds)}"
        text = refuse_choice(fields["peft_type"], kinds) if "peft_type" in fields else missing
        yield Problem((*path, "peft_type"), text)
        return
    kind, text = fields["peft_type"], fields.pop("init_text", None)
    yield from _check_class(path, run, kind, OWNED_ADAPTER, fields)
    adapter = run.adapter
    for field in REQUIRED.get(kind, ()):
        if field not in adapter:
            yield Problem((*path, field), f"is required for {kind}")
    if adapter.right.get("task_type", "CAUSAL_LM") != "CAUSAL_LM":
        demand = "must be CAUSAL_LM, the one task here; leave it out"
        yield Problem((*path, "task_type"), refuse_value(demand, adapter.task_type))
    if text is not None:
        adapter.right["init_text"] = text
        yield from _check_init_text((*path, "init_text"), adapter)


def _check_init_text(path: tuple, adapter: Draft) -> Iterator[Problem]:
    if not isinstance(adapter.init_text, str) or not adapter.init_text.strip():
        yield Problem(path, refuse_value("must be text that is not blank", adapter.init_text, text_wanted=True))
    if adapter.peft_type != "PREFIX_TUNING" or adapter.get("prefix_projection") or adapter.get("init_weights"):
        yield Problem(path, "only for PREFIX_TUNING without prefix_projection and init_weights")


def _check_class(
    path: tuple, run: Draft, class_name: str, owned: dict[str, str], fields: dict | None = None
) -> Iterator[Problem]:
    section = path[-1]
    run.right[section], problems = check_arguments(class_name, run[section] if fields is None else fields, owned)
    yield from (Problem((*path, field), text) for field, text in problems)
