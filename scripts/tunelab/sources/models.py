"""Fetch a base model from any source into one safetensors folder, and write its card.

Each source is a module of its own, `<source>_model`, that is imported by name: a stage depends on the code of the
source that it uses and of no other (the rule names it among the stage's facts).
"""

from importlib import import_module
from pathlib import Path

from tunelab.config.specs.sources import ModelSpec, describe_source
from tunelab.sources.folders import whole_folder, write_card


def fetch_model(model: str, spec: ModelSpec, work: Path, folder: Path, card: Path) -> None:
    """Fill `folder` with the model named `model` in the config, see that it is whole, and write `card`.

    What the Hub sends is kept under `work`, so that an interrupted download goes on where it stopped.
    """
    facts = {
        "model": model,
        "source": describe_source(spec),
        "revision": None,
        "licence": getattr(spec, "licence", None),
    }
    source = import_module(f"tunelab.sources.{spec.source}_model")
    with whole_folder(folder) as part:
        facts |= source.fetch(spec, f"models.{model}", work, part)
        from tunelab.sources import loading  # loads transformers, which takes seconds that a mistake need not wait for

        loading.check_model(part, f"models.{model}")
    write_card(card, folder, facts)
