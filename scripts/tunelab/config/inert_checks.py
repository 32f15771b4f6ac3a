"""Find settings that do nothing, because the setting under which a library reads them is missing or turned off.

An overlay cannot remove a field. So a field with the library's default is accepted, and so is one whose switch is
written out as off (false, or no).
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from tunelab.config.arguments import load_arguments
from tunelab.config.drafts import Draft, Problem, collect
from tunelab.config.fields import (
    QUANTIZATION,
    asks_for_nothing,
    find_setting,
    find_written,
    load_classes,
    load_packages,
)
from tunelab.config.methods import METHODS
from tunelab.config.wording import refuse_name, show
from tunelab.values import list_names

Found = Iterator[Problem]
# the arguments that optimizers of installed packages take by optim_args; a test compares them with transformers
OPTIM_ARGS = {
    "adagrad": ("lr_decay", "eps"),
    "rmsprop": ("momentum", "alpha", "eps", "centered"),
    "sgd": ("momentum", "dampening", "nesterov"),
    **dict.fromkeys(
        ("ademamix", "ademamix_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit"),
        ("beta1", "beta2", "beta3", "alpha", "eps", "t_alpha", "t_beta3"),
    ),
}
# the keys of mappings among the trainers' fields, which a test compares with the libraries, and why others do nothing
KEYS = {
    "accelerator_config": ("use_seedable_sampler", "non_blocking"),
    "gradient_checkpointing_kwargs": (
        "use_reentrant",
        "preserve_rng_state",
        "determinism_check",
        "debug",
        "early_stop",
        "selective",
    ),
}
IDLE = {
    **dict.fromkeys(
        ("split_batches", "dispatch_batches", "even_batches"), "does nothing in a training by one process; leave it out"
    ),
    "gradient_accumulation_kwargs": "is refused: set gradient_accumulation_steps",
    "use_configured_state": "is refused: the workflow configures accelerate; leave it out",
}


def check_inert(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that every field of a run is read under its other settings."""
    adapter, quantization = run.get("adapter"), run.get("quantization")
    sections = [("training", run.training, METHODS[run.method].config)]
    sections += [("adapter", adapter, adapter.peft_type)] if adapter is not None else []
    if quantization is not None and (quantization.get("load_in_4bit") or quantization.get("load_in_8bit")):
        sections.append(("quantization", quantization, QUANTIZATION))
    for section, fields, class_name in sections:
        settings = Settings(fields, load_arguments()[class_name])
        for name, ways in load_classes(class_name).needs.items():
            yield from collect(_check_read((*path, section), settings, name, ways))


def check_keys(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that mappings for other libraries have only keys that these take."""
    for field, known in KEYS.items():
        given = run.training.get(field)
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                text = IDLE.get(key) or refuse_name("is nothing that can be set there", key, known)
                yield Problem((*path, "training", find_written(run.training, field), key), text)


def check_optimizer_arguments(config: Draft, path: tuple, run: Draft) -> Found:
    """Check the form of optim_args, and that the optimizer takes each of them."""
    given, optimizer, here = (
        run.training.get("optim_args"),
        find_setting(run, "optim"),
        (*path, "training", "optim_args"),
    )
    if not given:
        return
    pairs = [pair.partition("=")[::2] for pair in given.replace(" ", "").split(",")]
    if any(not name or not value for name, value in pairs):
        yield Problem(here, f"must be pairs such as momentum=0.9, with commas between them (got {show(given)})")
    elif optimizer in OPTIM_ARGS:
        known = OPTIM_ARGS[optimizer]
        for name in [name for name, _ in pairs if name not in known]:
            if name == "weight_decay":  # transformers gives it per group of weights
                yield Problem(here, "weight_decay does nothing there; set training.weight_decay")
            else:
                yield Problem(here, refuse_name(f"{optimizer} takes no {show(name)}", name, known))
    elif optimizer not in load_packages()["optim"]:
        yield Problem(
            here, f"{optimizer} reads none (Adam's are adam_beta1, adam_beta2 and adam_epsilon); leave it out"
        )


def is_read(run: Draft, name: str) -> bool:
    """Tell whether a run's trainer reads a field under its other settings."""
    class_name = METHODS[run.method].config
    ways = load_classes(class_name).needs.get(name)
    return ways is None or not Settings(run.training, load_arguments()[class_name]).list_lacking(ways)


class Settings:
    """A section's fields as the library will have them: given values, or else the defaults."""

    def __init__(self, fields: Draft, known: dict[str, dict]) -> None:
        self.fields, self.known = fields, known

    def find(self, name: str) -> Any:
        """Return the value of a field, or of a key in it (`field.key`)."""
        field, _, key = name.partition(".")
        value = self.fields.get(field, self.known.get(field, {}).get("default"))
        return value if not key else value.get(key) if isinstance(value, dict) else None

    def is_asked(self, name: str) -> bool:
        """Tell whether a field is given with another value than its default."""
        field, _, key = name.partition(".")
        if field not in self.fields.right or (key and self.find(name) is None):
            return False
        return bool(key) or not asks_for_nothing(self.known[field], self.fields.right[field])

    def list_lacking(self, ways: dict[str, Any] | list[dict[str, Any]]) -> dict[str, Any]:
        """Return the settings that are missing for a field to be read; none if it is read in one of the ways.

        Args:
            ways: mappings of settings to demands (`needs` in `fields.toml`); with several, those of the first count.
        """
        lacking = [
            {name: demand for name, demand in way.items() if not fits(self.find(name), demand)} for way in _list(ways)
        ]
        return lacking[0] if all(lacking) else {}

    def is_off_in_writing(self, name: str) -> bool:
        """Tell whether a switch is written out as off."""
        value = self.fields.right.get(name)
        return value is False or value == "no"

    def explain(self, name: str, demand: Any) -> str:
        """Say which setting prevents that a field is read."""
        value, given = self.find(name), name in self.fields or ("." in name and self.find(name) is not None)
        shown = list_names([show(one).strip("'") for one in _list(value)], quoted=False)
        if demand is False:
            return f"beside {name}"
        if demand is True:
            wanted = f"{name}: true" if "bool" in self.known.get(name, {}).get("types", ()) else name
            return f"with {name}: {shown}" if given else f"without {wanted}"
        words = "" if any("*" in word for word in _list(demand)) else list_names(_list(demand), quoted=False)
        if words and not given:
            return f"without {name}: {words}"
        return f"with {name}: {shown}" + (f", only with {words}" if words else "")


def fits(value: Any, demand: Any) -> bool:
    """Tell whether a setting meets a demand of `needs`: true, false, or words with `*`."""
    if isinstance(demand, bool):
        return (value not in (None, False, 0, "no")) is demand
    return any(fnmatchcase(str(one), word) for one in _list(value) for word in _list(demand))


def _list(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def _check_read(path: tuple, settings: "Settings", name: str, ways: Any) -> Found:
    lacking = settings.list_lacking(ways) if settings.is_asked(name) else {}
    if not lacking or any(settings.is_off_in_writing(setting) for setting in lacking):
        return
    reason = settings.explain(*next(iter(lacking.items())))
    if reason.startswith("without"):
        remedy = "write that, or leave it out"
    elif name in settings.known:
        default = show(settings.known[name].get("default"))
        remedy = f"leave it out, or write its default ({default}) where another file gives it"
    else:  # a key in a mapping
        remedy = "leave it out"
    yield Problem((*path, *name.split(".")), f"does nothing {reason}; {remedy}")
