"""Read the default config and overlays, merged as Snakemake merges them, for the commands beside the workflow."""

from collections.abc import Sequence
from pathlib import Path

from tunelab.config.complete import Config
from tunelab.config.documents import merge, read_document
from tunelab.config.loading import load_config
from tunelab.config.selection import settle_selection

DEFAULT = Path("config/config.yaml")


def read_config(overlays: Sequence[Path] = ()) -> Config:
    """Validate the default config with `overlays` merged into it, one after the other.

    Raises:
        UserError: if a file is not there, is not YAML, or the whole is not valid.
    """
    merged: dict = {}
    layers = [read_document(file) for file in (DEFAULT, *overlays)]
    for layer in layers:
        merged = merge(merged, layer)
    settled = settle_selection(merged, layers)
    return load_config(settled, ", ".join(map(str, overlays or [DEFAULT])), [DEFAULT, *overlays], merged)
