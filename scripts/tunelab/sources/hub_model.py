"""Fetch a model from the Hugging Face Hub: safetensors weights and the files around them, never code."""

from pathlib import Path

from tunelab.config.specs.sources import HubModel
from tunelab.files import link_or_copy
from tunelab.sources.hub_errors import explain_errors
from tunelab.sources.snapshots import Snapshot, open_snapshot
from tunelab.sources.weights import check_quantisation, check_weights, list_others, list_weights


def fetch(spec: HubModel, key: str, work: Path, folder: Path) -> dict:
    """Fill `folder` with the model's files; return commit and licence."""
    with explain_errors(spec, key), open_snapshot(spec, "model", key, work) as snapshot:
        # sub-folders hold other formats of the same weights; what a model is loaded from is at the top
        names = {file.path for file in snapshot.files if "/" not in file.path}
        _bring(snapshot, list_others(names), folder)
        # checks come before the weights are fetched
        check_quantisation(folder, key)
        check_weights(names, key)
        _bring(snapshot, list_weights(folder, names, key), folder)
    return {"revision": snapshot.commit, "licence": snapshot.licence}


def _bring(snapshot: Snapshot, names: list[str], folder: Path) -> None:
    """Fetch files and link them into `folder`."""
    files = [file for file in snapshot.files if file.path in names]
    copied = folder.stat().st_dev != snapshot.place.stat().st_dev
    snapshot.fetch(files, [(folder.parent, sum(file.bytes for file in files))] if copied else [])
    for file in files:
        link_or_copy(snapshot.blob(file), folder / file.path)
