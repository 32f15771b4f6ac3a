"""Check for contradictions within a run, or between a run and the one that it starts from.

What the libraries refuse, or accept and fail with hours later, was tried with the installed versions.
"""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem, Unknown
from tunelab.config.fields import find_written
from tunelab.config.methods import REWARDED
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.wording import show

Found = Iterator[Problem]
# adapters that PEFT cannot put on bitsandbytes' layers, or cannot train there
NOT_QUANTISABLE = {
    "load_in_8bit": {"DELORA", "FROD", "GLORA", "OSF", "PSOFT", "SUPERTUNING", "TINYLORA", "UNILORA"},
}
NOT_QUANTISABLE["load_in_4bit"] = NOT_QUANTISABLE["load_in_8bit"] | {"DEFT", "HRA", "LOHA", "LOKR", "PEANUT"}


def follow_starts(config: Draft, name: str) -> list[str]:
    """List a run and those that it starts from, one after the other; a circle ends with the run that closes it."""
    chain = [name]
    while source := config.runs[chain[-1]].get("init_from"):
        chain.append(source)
        if source in chain[:-1]:
            break
    return chain


def list_sources(config: Draft, name: str) -> list[str]:
    """List a run and all runs that it comes from, by its start, its teacher or drawn answers; none for a model."""
    found = [name] if name in config.runs else []
    for current in found:  # grows while it is read
        run = config.runs[current]
        drawn = config.samples[run.samples].run if run.get("samples") else None
        sources = (run.get("init_from"), run.get("teacher"), drawn)
        found += [source for source in dict.fromkeys(sources) if source in config.runs and source not in found]
    return found


def find_adapter(config: Draft, name: str) -> Draft | None:
    """Return the adapter that a run trains, its own or that of the first run in its chain of starts.

    Raises:
        Unknown: if the chain is a circle, or begins with an untouched model.
    """
    chain = follow_starts(config, name)
    start = config.runs[chain[-1]]
    if chain[-1] in chain[:-1] or start.method == "base":
        raise Unknown(chain[-1])
    return start.adapter


def _check_adapter_given(config: Draft, path: tuple, run: Draft) -> Found:
    if run.method != "base" and run.adapter is None and "adapter" not in run.given and not run.get("init_from"):
        yield Problem((*path, "adapter"), "is required (null asks for full fine-tuning)")


def _check_circle(config: Draft, path: tuple, run: Draft) -> Found:
    chain = follow_starts(config, path[-1])
    # reported once, at the circle's first member in the config
    if path[-1] == chain[-1] and len(chain) > 1 and path[-1] == min(chain, key=list(config.runs).index):
        yield Problem((*path, "init_from"), f"goes round in a circle ({' → '.join(chain)})")


def _check_start(config: Draft, path: tuple, run: Draft) -> Found:
    if not run.get("init_from"):
        return
    here, source = (*path, "init_from"), config.runs[run.init_from]
    if source.method == "base":
        yield Problem(here, f"{show(run.init_from)} is the untouched model; leave init_from out")
    if source.model != run.model:
        yield Problem(here, f"{show(run.init_from)} trains {show(source.model)}, this run {show(run.model)}")
    adapter = find_adapter(config, path[-1])
    # of rewarded runs `_check_prompt` tells
    if adapter is not None and adapter.peft_type in PROMPT_LEARNING and run.method not in REWARDED:
        yield Problem(here, f"PEFT cannot go on training what {show(run.init_from)} publishes ({adapter.peft_type})")


def _check_second_adapter(config: Draft, path: tuple, run: Draft) -> Found:
    if run.get("init_from") and run.adapter is not None:
        yield Problem((*path, "adapter"), f"leave it out, the adapter of {show(run.init_from)} is trained on")


def _check_quantization(config: Draft, path: tuple, run: Draft) -> Found:
    if run.get("quantization") is None:
        return
    here = (*path, "quantization")
    bits = [field for field in ("load_in_4bit", "load_in_8bit") if run.quantization.get(field)]
    if len(bits) != 1:
        yield Problem(here, "set one of load_in_4bit and load_in_8bit to true")
        return
    adapter = find_adapter(config, path[-1])
    if adapter is None:
        start = f"start from a run that has one instead of {show(run.init_from)}" if run.get("init_from") else "set one"
        yield Problem(here, f"quantised weights cannot be trained without an adapter; {start}, or drop it")
    elif adapter.peft_type in NOT_QUANTISABLE[bits[0]]:
        width = bits[0].removeprefix("load_in_").removesuffix("bit")
        text = f"PEFT cannot train {adapter.peft_type} on weights in {width} bits; take another adapter, such as LORA"
        yield Problem(here, text)


def _check_turns(config: Draft, path: tuple, run: Draft) -> Found:
    learns_all = run.method == "sft" and run.training.get("assistant_only_loss") is False
    if learns_all and config.datasets[run.dataset].prepare.train_on == "last":
        text = f"false learns every turn, but {show(run.dataset)} has `train_on: last`; leave one of them out"
        yield Problem((*path, "training", "assistant_only_loss"), text)


def _check_weights(config: Draft, path: tuple, run: Draft) -> Found:
    if run.method in REWARDED and not any(run.rewards.weights[name] for name in run.rewards.weights):
        yield Problem((*path, "rewards", "weights"), "all are 0, so that there is nothing to learn from")


def _check_prompt(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that a prefix or prompt, which is in the KV cache, is not used by GRPO or with gradient checkpointing."""
    adapter = find_adapter(config, path[-1])
    if adapter is None or adapter.peft_type not in PROMPT_LEARNING:
        return
    if run.method in REWARDED:
        field = ("init_from",) if run.get("init_from") else ("adapter", "peft_type")
        text = f"TRL's GRPO misplaces a prefix or prompt ({adapter.peft_type}) in padded batches; take another adapter"
        yield Problem((*path, *field), text)
    if run.training.get("gradient_checkpointing"):
        text = "cannot be used with a prefix or prompt, which lives in the KV cache"
        yield Problem((*path, "training", find_written(run.training, "gradient_checkpointing")), text)


RUN_CHECKS = (
    _check_adapter_given,
    _check_circle,
    _check_start,
    _check_second_adapter,
    _check_quantization,
    _check_turns,
    _check_weights,
    _check_prompt,
)
