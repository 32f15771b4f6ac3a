"""Take a model from a folder of the user's."""

from pathlib import Path

from tunelab.config.specs.sources import LocalModel
from tunelab.errors import UserError
from tunelab.sources.loading import check_model
from tunelab.sources.weights import MODEL_FILES, check_safetensors, check_weights, list_weights


def fetch(spec: LocalModel, key: str, work: Path, folder: Path) -> dict:
    """Link the files of the user's model into `folder`; nothing is copied and nothing of the user's is changed."""
    source = Path(spec.path)
    if not source.is_dir():
        what = "is a file" if source.exists() else "does not exist"
        raise UserError(f"{key}.path: {spec.path!r} {what}; give the folder that `save_pretrained` wrote.")
    files = [file for pattern in MODEL_FILES for file in sorted(source.glob(pattern)) if not file.is_dir()]
    for file in files:
        if not file.exists():
            raise UserError(f"{key}.path: {str(file)!r} leads to {str(file.readlink())!r}, which is not there.")
    if not (source / "config.json").is_file():
        raise UserError(f"{key}.path: {spec.path!r} has no config.json; give the folder that `save_pretrained` wrote.")
    check_weights(source, key)
    for name in list_weights(source, key):
        check_safetensors(source / name, key)
    for file in files:
        (folder / file.name).symlink_to(file.resolve())
    check_model(folder, key)
    return {}
