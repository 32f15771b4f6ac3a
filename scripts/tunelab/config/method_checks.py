"""Check for contradictions in runs of one method: preferences, distillation, and plain texts.

What TRL refuses when it builds the trainer, and what it silently leaves out, was tried with the installed version.
"""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem, collect
from tunelab.config.fields import find_setting
from tunelab.config.formats import Format, explain_numbers, find_format, list_formats
from tunelab.config.methods import DRAWING, METHODS, PREFERENCES
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.run_checks import find_adapter, list_sources
from tunelab.config.specs.data import PrepareSpec
from tunelab.config.wording import refuse_choice, refuse_value, show

Found = Iterator[Problem]
LOSSES = (
    *("sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired"),
    *("apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm"),
)
# losses that know the reverse divergence alone, and losses without a value per pair, which TRL could weigh (its `sft`
# fails in the first step)
REVERSE_ONLY = {"nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down"}
UNWEIGHABLE = {"aot": "sorts the answers", "aot_unpaired": "sorts the answers", "sft": "is one mean of the batch"}
MEASURED = "drift.texts measures losses on texts"
# fields of a data set that plain texts have no use for, and why
IDLE = {
    "prepare": {
        "system": "plain texts are learnt as they stand, without a system message",
        "train_on": "plain texts have no turns, and all of their tokens are learnt",
        "keep": "plain texts are given to no reward and no metric",
        "test": f"no task asks plain texts, so none are held out ({MEASURED})",
    },
    "fetch": dict.fromkeys(("test_split", "test_files"), f"no task asks plain texts ({MEASURED})"),
}


def check_distillation(config: Draft, path: tuple, run: Draft) -> Found:
    """Run all checks of a run that has a teacher."""
    if run.method == "distillation":
        for check in DISTILLATION_CHECKS:
            yield from collect(check(config, path, run))


def explain_passed_by(adapter: Draft) -> tuple[str, str] | None:
    """Return the field of an adapter that TRL's distillation ignores in part, and the words for that part.

    TRL's loss calls neither model's own forward: it reads hidden states and the weights of the output layer. What an
    adapter does elsewhere is silently left out, as was tried with every type of the installed version.
    """
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


def holds_texts(config: Draft, dataset: str) -> bool:
    """Tell whether a data set has plain texts, which ask nothing and are learnt completely."""
    return find_format(config, dataset).rows == "texts"


def check_idle(config: Draft, path: tuple, dataset: Draft) -> Found:
    """Check that a data set of plain texts has no field for questions and answers."""
    if not holds_texts(config, path[-1]):
        return
    for section, fields in IDLE.items():
        for field, why in fields.items():
            value = dataset[section].get(field)
            if value and not (section == "prepare" and value == PrepareSpec.model_fields[field].default):
                shown = show(list(value) if isinstance(value, tuple) else value)
                yield Problem((*path, section, field), f"{why}; leave it out (got {shown})")


def check_learnt(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that a run's method can learn from the rows of its data set, and that of texts it learns every token."""
    if run.method == "base" or run.get("samples"):
        return
    name, form = show(run.dataset), find_format(config, run.dataset)
    if METHODS[run.method].learns_from not in form.teaches:
        yield Problem((*path, "dataset"), _explain_unfit(name, form, run.method))
    elif form.rows == "texts" and run.training.get("assistant_only_loss"):
        text = f"{name} holds plain texts, which have no assistant: all of their tokens are learnt; leave it out"
        yield Problem((*path, "training", "assistant_only_loss"), text)


def check_neutral(config: Draft) -> Found:
    """Check that no run can learn a text by which forgetting is measured."""
    for name, dataset in config.datasets.right.items() if config.drift is not None else ():
        learnt = dataset.fetch.get("files", ()) if dataset.fetch.source == "local" and holds_texts(config, name) else ()
        for file in config.drift.texts:
            if file in learnt:
                text = f"{show(file)} is learnt, as a file of {show(name)}; take a text that no data set holds"
                yield Problem(("drift", "texts"), text)


def check_asked(config: Draft, path: tuple, task: Draft) -> Found:
    """Check that a task's data set has questions."""
    if holds_texts(config, task.dataset):
        text = f"{show(task.dataset)} holds plain texts, which ask nothing; name a data set with questions ({MEASURED})"
        yield Problem((*path, "dataset"), text)


def _check_losses(config: Draft, path: tuple, run: Draft) -> Found:
    if run.method != "dpo":
        return
    losses, here = list(find_setting(run, "loss_type")), (*path, "training")
    unknown = [name for name in losses if name not in LOSSES]
    if unknown:
        yield Problem((*here, "loss_type"), refuse_choice(unknown[0], LOSSES))
        return
    weights = run.training.get("loss_weights")
    if weights is not None and len(weights) != len(losses):
        text = refuse_value(f"must have one weight for each of the {len(losses)} losses", weights)
        yield Problem((*here, "loss_weights"), text)
    divergence = find_setting(run, "f_divergence_type")
    if divergence != "reverse_kl" and (others := REVERSE_ONLY.intersection(losses)):
        yield Problem((*here, "f_divergence_type"), f"the loss {min(others)} knows reverse_kl alone (got {divergence})")
    if run.training.get("use_weighting"):
        for name in [name for name in losses if name in UNWEIGHABLE][:1]:
            text = f"cannot be used with the loss {name}, which {UNWEIGHABLE[name]}"
            yield Problem((*here, "use_weighting"), text)
    smoothing = find_setting(run, "label_smoothing")
    if "exo_pair" in losses and not smoothing:
        yield Problem((*here, "label_smoothing"), "the loss exo_pair needs one above 0, such as 1.0e-3")
    if "robust" in losses and not 0 <= smoothing < 0.5:
        yield Problem((*here, "label_smoothing"), refuse_value("must be from 0 to below 0.5 for robust", smoothing))


def _check_head(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that there is no adapter on the output layer: TRL uses the layer's own weights, and would not train it."""
    adapter = find_adapter(config, path[-1])
    if run.method not in (*PREFERENCES, "distillation") or adapter is None:
        return
    chosen = adapter.get("target_modules")
    if isinstance(chosen, list) and "lm_head" in chosen:
        field = ("init_from",) if run.get("init_from") else ("adapter", "target_modules")
        text = f"TRL cannot train an adapter on lm_head by {run.method}; take it out of target_modules"
        yield Problem((*path, *field), text)


def _check_both_labels(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that KTO's batches have room for both labels; TRL pairs questions of a batch with each other's answers."""
    if run.method == "kto" and (size := find_setting(run, "per_device_train_batch_size")) < 2:
        text = refuse_value("must be at least 2, as every batch of KTO holds answers of both labels", size)
        yield Problem((*path, "training", "per_device_train_batch_size"), text)


def _check_student(config: Draft, path: tuple, run: Draft) -> Found:
    adapter = find_adapter(config, path[-1])
    passed_by = adapter is not None and explain_passed_by(adapter)
    if not passed_by or (run.get("init_from") and adapter.peft_type in PROMPT_LEARNING):  # of which `run_checks` tells
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
    """Return the table and name of a teacher: a run, or an untouched model."""
    if name not in config.runs:
        return "models", name
    run = config.runs[name]
    return ("models", run.model) if run.method == "base" else ("runs", name)


def _identify_start(run: Draft) -> tuple[str, str]:
    return ("runs", run.init_from) if run.get("init_from") else ("models", run.model)


def _check_circle(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that the teacher does not learn from the run itself, directly or through other runs."""
    if path[-1] in list_sources(config, run.teacher):
        text = f"{show(run.teacher)} comes from this run; take another teacher"
        yield Problem((*path, "teacher"), text)


def _check_beta(config: Draft, path: tuple, run: Draft) -> Found:
    beta = find_setting(run, "beta")
    if beta > 1:
        text = "must be from 0 (forward divergence) to 1 (reverse divergence)"
        yield Problem((*path, "training", "beta"), refuse_value(text, beta))


def _explain_unfit(name: str, form: Format, method: str) -> str:
    """Say why a method cannot learn from a data set, and what it can learn from."""
    if form.rows == "texts":
        return f"{name} holds plain texts, of which {method} can learn nothing; take method: sft, or rows that ask"
    if method in PREFERENCES:
        wanted = " or ".join(list_formats("preferences"))
        return f"{name} is not of format {wanted}; name such a data set, or drawn answers in samples"
    return f"rewards check answers, and {name} {explain_numbers()}"


PREFERENCE_CHECKS = (_check_losses, _check_head, _check_both_labels)
DISTILLATION_CHECKS = (_check_student, _check_teacher, _check_circle, _check_beta)


def check_budget(config: Draft) -> Iterator[Problem]:
    """Find runs that would never reach a budget, since they consume nothing on its axis."""
    budget = config.study.budget
    if budget is None or budget.axis != "completions":
        return
    for name in config.study.runs:
        method = config.runs[name].method
        if method not in (*DRAWING, "base"):
            text = f"the run {show(name)} (method {method}) draws none while it trains; take flops or tokens"
            yield Problem(("study", "budget", "axis"), text)
