"""Take a model from a folder of the user's. Pickled weights are refused, since opening them can run code."""

from pathlib import Path

from tunelab.errors import UserError
from tunelab.specs import LocalModel

MODEL_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def link_model(spec: LocalModel, key: str, folder: Path) -> None:
    """Link the files of the user's model into `folder`; nothing is copied and nothing of the user's is changed."""
    source = Path(spec.path)
    if not source.is_dir():
        what = "is a file" if source.exists() else "does not exist"
        raise UserError(f"{key}.path: {spec.path!r} {what}; give the folder that `save_pretrained` wrote.")
    if not (source / "config.json").is_file():
        raise UserError(f"{key}.path: {spec.path!r} has no config.json; give the folder that `save_pretrained` wrote.")
    check_weights(source, key)
    for pattern in MODEL_FILES:
        for file in source.glob(pattern):
            (folder / file.name).symlink_to(file.resolve())


def check_weights(folder: Path, key: str) -> None:
    """Raise `UserError` unless the folder has safetensors weights."""
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(file.name for pattern in PICKLED for file in folder.glob(pattern))
    if pickled:
        raise UserError(
            f"{key}: the weights are pickled ({', '.join(pickled)}), a format that can run code when it is opened, and "
            "are not used. Load them where you trust them and save them with `model.save_pretrained(folder)`."
        )
    raise UserError(
        f"{key}: there are no *.safetensors weights. Pickled ones (*.bin, *.pt) are not used, because they can run "
        "code when they are opened."
    )
