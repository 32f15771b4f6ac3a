"""Check the files of a model: complete, unquantised safetensors weights, and readable JSON.

Pickled weights are refused, since opening them can run code.
"""

import json
from fnmatch import fnmatch
from pathlib import Path

from tunelab.errors import UserError
from tunelab.values import list_names, shorten

MODEL_FILES = ("*.json", "*.model", "*.txt", "*.jinja")
# files that trainers leave beside a model
USELESS = {"trainer_state.json", "all_results.json", "train_results.json", "eval_results.json"}
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
FLOATS = {"F64", "F32", "F16", "BF16"}
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


def check_weights(names: set[str], key: str) -> None:
    """Raise `UserError` unless these files include safetensors weights, and no adapter."""
    if "adapter_config.json" in names:
        raise UserError(
            f"{key}: the folder has an adapter_config.json, so transformers would load an adapter, and whatever model "
            "it names, in place of this one. Give the folder of the base model, or merge the adapter into it."
        )
    if any(name.endswith(".safetensors") for name in names):
        return
    pickled = sorted(name for name in names if any(fnmatch(name, pattern) for pattern in PICKLED))
    if pickled:
        raise UserError(
            f"{key}: the weights are pickled ({list_names(pickled, quoted=False)}), a format that can run code when it "
            "is opened, and are not used. Load them where you trust them and save them with "
            "`model.save_pretrained(folder)`."
        )
    raise UserError(
        f"{key}: there are no *.safetensors weights. Pickled ones (*.bin, *.pt) are not used, because they can run "
        "code when they are opened."
    )


def list_others(names: set[str]) -> list[str]:
    """Return the files without weights that a model is loaded from."""
    return sorted(name for name in names - USELESS if any(fnmatch(name, pattern) for pattern in MODEL_FILES))


def list_weights(folder: Path, names: set[str], key: str) -> list[str]:
    """Return the names of the files from which transformers reads the weights.

    Args:
        names: of all files of the model; only the index must be in `folder` already.

    Raises:
        UserError: if a file with weights is missing, or is not in the folder itself.
    """
    if WEIGHTS in names:
        return [WEIGHTS]
    if INDEX not in names:
        found = list_names(sorted(name for name in names if name.endswith(".safetensors")))
        raise UserError(f"{key}: there is no {WEIGHTS} and no {INDEX}, only {found}. Rename or save the weights anew.")
    try:
        shards = sorted(set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
        outside = [name for name in shards if Path(name).name != name]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{key}: {INDEX} is no index of weights ({shorten(str(error))}). Copy it again.") from error
    if outside:
        raise UserError(f"{key}: {INDEX} names files outside the folder ({list_names(outside)}), which are not read.")
    if missing := [name for name in shards if name not in names]:
        raise UserError(
            f"{key}: {INDEX} names {list_names(missing)}, and there is no such file. Copy the whole folder."
        )
    return shards


def check_quantisation(folder: Path, key: str) -> None:
    """Raise `UserError` if the model's config says that its weights are quantised."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # `loading.check_model` tells
    parts = [
        part for part in (config, *config.values()) if isinstance(part, dict)
    ]  # a model of images has a text_config
    said = [part[name] for part in parts for name in ("quantization_config", "compression_config") if part.get(name)]
    if said:
        said = said[0]
        method = said.get("quant_method", "unnamed") if isinstance(said, dict) else said
        raise UserError(
            f"{key}: config.json says that the weights are quantised ({shorten(method)}), and such weights can be "
            "neither trained nor merged here. Choose the model's unquantised repository; a run's own `quantization` "
            "holds it in 4 or 8 bits."
        )


def check_safetensors(file: Path, key: str) -> None:
    """Raise `UserError` unless the file has a complete header that describes it to its end."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        with open(file, "rb") as content:
            note = content.read(32).startswith(b"version https://git-lfs")
        what = "is only Git LFS's note of it (run `git lfs pull`)" if note else f"is damaged or cut off ({error})"
        raise UserError(f"{key}: {str(file)!r} {what}. Copy or download it again.") from error


def check_numbers(folder: Path, key: str) -> None:
    """Raise `UserError` if weights are whole numbers or have 8 bits, which transformers would take as they are."""
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="np") as tensors:
            for name in tensors.keys():  # noqa: SIM118
                held = tensors.get_slice(name).get_dtype()
                if name.endswith("weight") and held not in FLOATS:
                    raise UserError(
                        f"{key}: {file.name} holds {shorten(name)} as {held}, so the weights are quantised, and such "
                        "weights can be neither trained nor merged here. Choose the model's unquantised repository."
                    )


def check_json(folder: Path, key: str) -> None:
    """Raise `UserError` unless every JSON file beside the weights can be read; some are needed much later only."""
    for file in sorted(folder.glob("*.json")):
        try:
            json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(
                f"{key}: {file.name} is no JSON ({shorten(str(error))}). Copy or download it again."
            ) from error


def names_code(folder: Path) -> bool:
    """Tell whether a config of the model names code of its own (`auto_map`)."""
    files = [folder / "config.json", folder / "tokenizer_config.json"]
    return any(b'"auto_map"' in file.read_bytes() for file in files if file.is_file())
