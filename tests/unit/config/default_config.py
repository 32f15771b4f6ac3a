"""The default study's config, as it is and with an overlay on top, merged as Snakemake merges them."""

import copy
from pathlib import Path

import yaml
from snakemake.utils import update_config

from tunelab.config.complete import Config
from tunelab.config.loading import load_config
from tunelab.config.selection import settle_selection

FOLDER = Path(__file__).parents[3] / "config"
DEFAULT = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))


def merge(*overlays: str | dict) -> dict:
    """Merge overlays, one after the other, and settle what they select."""
    return settle_selection(*lay(*overlays))


def lay(*overlays: str | dict) -> tuple[dict, list[dict]]:
    """Merge overlays, one after the other; return what was merged as well."""
    layers = [DEFAULT, *(yaml.safe_load(item) if isinstance(item, str) else item for item in overlays)]
    merged = {}
    for layer in copy.deepcopy(layers):
        update_config(merged, layer)
    return merged, layers


def load(*overlays: str | dict) -> Config:
    return load_config(merge(*overlays), "config/config.yaml")
