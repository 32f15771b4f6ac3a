"""Read the default config and overlays on it, merged as Snakemake merges them, for tools that run beside Snakemake."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tunelab.config.loading import Config, load_config
from tunelab.config.selection import settle_selection
from tunelab.errors import UserError

DEFAULT = Path("config/config.yaml")


def read_config(overlays: Sequence[Path] = ()) -> Config:
    """Validate the default config with `overlays` merged into it, one after the other.

    Raises:
        UserError: if a file is not there, is not YAML, or the whole is not valid.
    """
    merged: dict = {}
    layers = [_read_mapping(file) for file in (DEFAULT, *overlays)]
    for layer in layers:
        merged = merge(merged, layer)
    return load_config(
        settle_selection(merged, layers), ", ".join(map(str, overlays or [DEFAULT])), [DEFAULT, *overlays]
    )


def merge(below: Any, above: dict) -> dict:
    """Merge mappings key by key; anything else in `above` replaces what is below."""
    merged = dict(below) if isinstance(below, dict) else {}
    for key, value in above.items():
        merged[key] = merge(merged.get(key), value) if isinstance(value, dict) else value
    return merged


def _read_mapping(file: Path) -> dict:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); name an overlay that exists.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{file} must hold keys and values, like config/config.yaml (got {content!r}).")
    return content
