"""The default study's config, as it is and with an overlay on top, merged as Snakemake merges them."""

import copy
from pathlib import Path

import yaml
from snakemake.utils import update_config

from tunelab.config.loading import Config, load_config

FOLDER = Path(__file__).parents[3] / "config"
DEFAULT = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))


def merge(overlay: str | dict) -> dict:
    merged = copy.deepcopy(DEFAULT)
    update_config(merged, yaml.safe_load(overlay) if isinstance(overlay, str) else overlay)
    return merged


def load(overlay: str | dict) -> Config:
    return load_config(merge(overlay), "config/config.yaml")
