"""Judge what contradicts what in runs that learn from a teacher.

TRL's loss asks neither model by its own forward: it reads hidden states and the weights of the output layer. What an
adapter does elsewhere is left out there without a word, which was tried with every type of the installed version.
"""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem, collect
from tunelab.config.field_classes import find_setting
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.run_checks import find_adapter, list_sources
from tunelab.config.wording import refuse_value, show

Found = Iterator[Problem]


def check_distillation(config: Draft, path: tuple, run: Draft) -> Found:
    """Make all checks of this module on a run that has a teacher."""
    if run.method == "distillation":
        for check in CHECKS:
            yield from collect(check(config, path, run))


def explain_passed_by(adapter: Draft) -> tuple[str, str] | None:
    """Return the field of an adapter of which TRL's distillation passes something by, and the words for that."""
    kind = adapter.peft_type
    if kind in PROMPT_LEARNING:
        return "peft_type", f"a prefix or prompt ({kind})"
    if kind == "TRAINABLE_TOKENS":
        return "peft_type", "tokens that are trained (TRAINABLE_TOKENS), where the output layer shares them"
    if adapter.get("trainable_token_indices"):
        return "trainable_token_indices", "tokens that are trained, where the output layer shares them"
    if adapter.get("alora_invocation_tokens"):
        return "alora_invocation_tokens", "an aLoRA, which is told by the model's own forward where to begin"
    return None


def _check_student(config: Draft, path: tuple, run: Draft) -> Found:
    adapter = find_adapter(config, path[-1])
    passed_by = adapter is not None and explain_passed_by(adapter)
    if not passed_by or (run.get("init_from") and adapter.peft_type in PROMPT_LEARNING):  # which is told anyway
        return
    field = ("init_from",) if run.get("init_from") else ("adapter", passed_by[0])
    yield Problem((*path, *field), f"TRL's distillation passes by {passed_by[1]}; take another adapter, such as LORA")


def _check_teacher(config: Draft, path: tuple, run: Draft) -> Found:
    here, name = (*path, "teacher"), run.teacher
    if name in config.runs and name in config.models:
        yield Problem(here, f"{show(name)} is a run and a model; rename one of them")
    elif _identify(config, name) == _identify_start(run) and run.get("quantization") is None:
        yield Problem(
            here, f"{show(name)} is what this run starts from, so that there is nothing to learn; take another"
        )
    elif name in config.runs and config.runs[name].method != "base":
        adapter = find_adapter(config, name)
        if adapter is not None and (passed_by := explain_passed_by(adapter)):
            text = f"TRL's distillation passes by what {show(name)} has learnt: {passed_by[1]}; take another teacher"
            yield Problem(here, text)


def _identify(config: Draft, name: str) -> tuple[str, str]:
    """Return the table and the name of what teaches: a run, or a model that is untouched."""
    if name not in config.runs:
        return "models", name
    run = config.runs[name]
    return ("models", run.model) if run.method == "base" else ("runs", name)


def _identify_start(run: Draft) -> tuple[str, str]:
    return ("runs", run.init_from) if run.get("init_from") else ("models", run.model)


def _check_circle(config: Draft, path: tuple, run: Draft) -> Found:
    """A teacher must not have learnt, by whatever ways, from the run itself."""
    if path[-1] in list_sources(config, run.teacher):
        text = f"{show(run.teacher)} comes from this run; take another teacher"
        yield Problem((*path, "teacher"), text)


def _check_beta(config: Draft, path: tuple, run: Draft) -> Found:
    beta = find_setting(run, "beta")
    if beta > 1:
        text = "must be from 0 (forward divergence) to 1 (reverse divergence)"
        yield Problem((*path, "training", "beta"), refuse_value(text, beta))


CHECKS = (_check_student, _check_teacher, _check_circle, _check_beta)
