"""Fetch a base model from any source into a safetensors folder, and write its card.

Each source is a module of its own, `<source>_model`, that is imported by its name, so that a stage depends on the code
of its own source alone (the rule lists it among the stage's facts).
"""

from importlib import import_module
from pathlib import Path

from tunelab.config.specs.sources import ModelSpec, describe_source
from tunelab.sources.folders import complete_folder, write_card


def fetch_model(model: str, spec: ModelSpec, work: Path, folder: Path, card: Path) -> None:
    """Fill `folder` with a model, check that it is complete, and write `card`.

    Args:
        model: its name in the config.
        work: where downloads are kept, so that an interrupted one continues where it stopped.
    """
    facts = {
        "model": model,
        "source": describe_source(spec),
        "revision": None,
        "licence": getattr(spec, "licence", None),
    }
    source = import_module(f"tunelab.sources.{spec.source}_model")
    with complete_folder(folder) as part:
        facts |= source.fetch(spec, f"models.{model}", work, part)
        from tunelab.sources import loading  # late, as it imports transformers: a mistake is told seconds earlier

        loading.check_model(part, f"models.{model}")
    write_card(card, folder, facts)
