"""Check TRL's, PEFT's and bitsandbytes' own fields of each run, and turn its plain mappings into drafts."""

from collections.abc import Iterator

from tunelab.config.arguments import check_arguments, load_arguments
from tunelab.config.drafts import Draft, Problem
from tunelab.config.field_classes import (
    QUANTIZATION,
    judge_fields,
    list_set,
    load_classes,
    load_unsupported,
)
from tunelab.config.methods import METHODS
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.wording import refuse_choice, refuse_value
from tunelab.values import list_names

# what PEFT has a default for that no model can be built with
REQUIRED = dict.fromkeys(PROMPT_LEARNING, ("num_virtual_tokens",)) | {
    "ADALORA": ("total_step",),
    "TRAINABLE_TOKENS": ("token_indices",),
}


def check_fields(config: Draft, path: tuple, run: Draft) -> Iterator[Problem]:
    """Check all fields of one run; from here on its sections are drafts, or wrong."""
    if run.right.get("training") is not None:
        yield from _check_training(path, run)
    if run.right.get("adapter") is not None:
        yield from _check_adapter((*path, "adapter"), run)
    if run.right.get("quantization") is not None:
        yield from _check_class((*path, "quantization"), run, QUANTIZATION)


def _check_training(path: tuple, run: Draft) -> Iterator[Problem]:
    if "method" in run.wrong:
        run.wrong.add("training")  # whose fields they are depends on it
    else:
        yield from _check_class((*path, "training"), run, METHODS[run.method].config)


def _check_adapter(path: tuple, run: Draft) -> Iterator[Problem]:
    fields = dict(run.adapter)
    unsupported = load_unsupported()
    kinds = sorted({name for name in load_arguments() if name.isupper()} - set(unsupported))
    if fields.get("peft_type") not in kinds:
        run.wrong.add("adapter")
        if "peft_type" not in fields:
            text = f"is required, for example LORA; known are {list_names(kinds, quoted=False)}"
        elif isinstance(fields["peft_type"], str) and fields["peft_type"] in unsupported:
            text = f"{fields['peft_type']} is refused: {unsupported[fields['peft_type']]}; take another type"
        else:
            text = refuse_choice(fields["peft_type"], kinds)
        yield Problem((*path, "peft_type"), text)
        return
    kind, text = fields["peft_type"], fields.pop("init_text", None)
    yield from _check_class(path, run, kind, fields)
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


def _check_class(path: tuple, run: Draft, class_name: str, fields: dict | None = None) -> Iterator[Problem]:
    section = path[-1]
    given = run[section] if fields is None else fields
    refused = dict(judge_fields(class_name, given))
    draft, problems = check_arguments(class_name, given, refused, load_classes(class_name).called)
    # what is given as the library has it anyway is decided by the workflow all the same
    draft.right = {name: value for name, value in draft.right.items() if name not in list_set(class_name)}
    problems += _take_second_names(draft, load_classes(class_name).same)
    run.right[section] = draft
    yield from (Problem((*path, field), text) for field, text in problems)


def _take_second_names(draft: Draft, same: dict[str, str]) -> list[tuple[str, str]]:
    """Put each field that is given by a second name under its own, so that all that follows knows one name."""
    problems = []
    for second, name in same.items():
        if second in draft.wrong:
            draft.wrong.add(name)
        elif (value := draft.right.pop(second, None)) is not None:
            if name in draft.given:
                problems.append((second, f"is another name of {name}, which is given too; write that alone"))
            draft.right.setdefault(name, value)
    return problems
