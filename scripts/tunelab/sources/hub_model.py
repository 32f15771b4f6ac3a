"""Take a model from the Hugging Face Hub: safetensors weights and the files around them, nothing that can run."""

from fnmatch import fnmatch
from pathlib import Path

from tunelab.config.specs.sources import HubModel
from tunelab.files import link_or_copy
from tunelab.sources.hub_errors import explain_errors
from tunelab.sources.snapshots import open_snapshot
from tunelab.sources.weights import MODEL_FILES, check_weights, list_weights, names_code


def fetch(spec: HubModel, key: str, work: Path, folder: Path) -> dict:
    """Fill `folder` with the model's files and return the commit and the licence."""
    with explain_errors(spec, key), open_snapshot(spec, "model", key, work) as snapshot:
        # Paths in sub-folders are other formats of the same weights; a model that loads has its files at the top.
        files = [
            file
            for file in snapshot.files
            if "/" not in file.path and any(fnmatch(file.path, pattern) for pattern in MODEL_FILES)
        ]
        copied = folder.stat().st_dev != snapshot.place.stat().st_dev
        snapshot.fetch(files, [(folder.parent, sum(file.bytes for file in files))] if copied else [])
        for file in files:
            link_or_copy(snapshot.blob(file), folder / file.path)
    check_weights(folder, key)
    list_weights(folder, key)
    if names_code(folder):
        from tunelab.sources.loading import check_model  # loads transformers, which takes seconds and few models need

        check_model(folder, key)
    return {"revision": snapshot.commit, "licence": snapshot.licence}
