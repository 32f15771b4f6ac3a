"""Take a model from a folder of the user."""

from pathlib import Path

from tunelab.config.specs.sources import LocalModel
from tunelab.errors import UserError
from tunelab.files import point_or_copy
from tunelab.sources.weights import check_quantisation, check_safetensors, check_weights, list_others, list_weights


def fetch(spec: LocalModel, key: str, work: Path, folder: Path) -> dict:
    """Link or copy the model's files into `folder`; the user's own files stay unchanged."""
    source = Path(spec.path)
    others, weights = check_folder(spec, key)
    for name in weights:
        check_safetensors(source / name, key)
    for name in (*others, *weights):
        point_or_copy(source / name, folder / name)
    return {}


def check_folder(spec: LocalModel, key: str) -> tuple[list[str], list[str]]:
    """Return the names of the files that a model is loaded from, without and with weights.

    Raises:
        UserError: if the folder evidently holds no complete model.
    """
    source = Path(spec.path)
    if not source.is_dir():
        what = "is a file" if source.exists() else "does not exist"
        raise UserError(f"{key}.path: {spec.path!r} {what}; give the folder that `save_pretrained` wrote.")
    names = {file.name for file in source.iterdir() if not file.is_dir()}
    others = list_others(names)
    for file in (source / name for name in others):
        if not file.exists():
            raise UserError(f"{key}.path: {str(file)!r} leads to {str(file.readlink())!r}, which is not there.")
    if not (source / "config.json").is_file():
        raise UserError(f"{key}.path: {spec.path!r} has no config.json; give the folder that `save_pretrained` wrote.")
    check_weights(names, key)
    check_quantisation(source, key)
    return others, list_weights(source, {name for name in names if (source / name).is_file()}, key)
