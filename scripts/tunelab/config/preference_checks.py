"""Judge what contradicts what in runs that learn from preferences.

What TRL refuses when it builds the trainer was read in and tried with the installed version.
"""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem
from tunelab.config.field_classes import find_setting
from tunelab.config.methods import PREFERENCES
from tunelab.config.run_checks import find_adapter
from tunelab.config.wording import refuse_choice, refuse_value, show

Found = Iterator[Problem]
LOSSES = (
    *("sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired"),
    *("apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm"),
)
# losses that have no other divergence than the reverse one, and those that have no loss of each
# pair by itself, which TRL could weigh (its `sft` fails in the first step)
REVERSE_ONLY = {"nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down"}
UNWEIGHABLE = {"aot": "sorts the answers", "aot_unpaired": "sorts the answers", "sft": "is one mean of the batch"}


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
    """TRL multiplies with the output layer's own weights, so that an adapter on it would never be trained."""
    adapter = find_adapter(config, path[-1])
    if run.method not in (*PREFERENCES, "distillation") or adapter is None:
        return
    chosen = adapter.get("target_modules")
    if isinstance(chosen, list) and "lm_head" in chosen:
        field = ("init_from",) if run.get("init_from") else ("adapter", "target_modules")
        text = f"TRL cannot train an adapter on lm_head by {run.method}; take it out of target_modules"
        yield Problem((*path, *field), text)


def _check_source(config: Draft, path: tuple, run: Draft) -> Found:
    """Without drawn answers the data set itself must say which answers are preferred."""
    if run.method not in PREFERENCES or run.get("samples"):
        return
    if config.datasets[run.dataset].prepare.format not in ("preference", "text"):
        text = f"{show(run.dataset)} is not of format preference; name such a data set, or drawn answers in samples"
        yield Problem((*path, "dataset"), text)


def _check_both_labels(config: Draft, path: tuple, run: Draft) -> Found:
    """Every batch holds answers of both labels, and TRL pairs questions of a batch with each other's answers."""
    if run.method == "kto" and (size := find_setting(run, "per_device_train_batch_size")) < 2:
        text = refuse_value("must be at least 2, as every batch of KTO holds answers of both labels", size)
        yield Problem((*path, "training", "per_device_train_batch_size"), text)


PREFERENCE_CHECKS = (_check_losses, _check_head, _check_source, _check_both_labels)
