"""Fetch a data set from the Hugging Face Hub, or a mirror of it.

As for models, `snapshots` lists what a repository holds and `transfer` downloads it. Pickled weights and code are never
fetched. The token is the one that the Hub's client finds (HF_TOKEN, or that of `hf auth login`); it is sent to the
endpoint and to no other host. The Hub's client is not imported at the top, because it reads its settings on import.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.config.specs.sources import HubDataset
from tunelab.errors import UserError
from tunelab.files import link_or_copy
from tunelab.sources.hub_errors import explain_errors
from tunelab.sources.snapshots import Snapshot, open_snapshot
from tunelab.sources.transfer import HubFile
from tunelab.values import list_names

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder

# files that say how the other files are to be read
DESCRIPTIONS = ("README.md", ".huggingface.yaml", "dataset_infos.json")


def fetch(spec: HubDataset, key: str, work: Path, folder: Path) -> tuple[dict[str, "Dataset"], dict]:
    """Return the splits "train" and, if the spec names one, "test"; and commit and licence for the card."""
    wanted = {"train": spec.split} | ({"test": spec.test_split} if spec.test_split else {})
    with explain_errors(spec, key), open_snapshot(spec, "dataset", key, work) as snapshot, explain_table(spec, key):
        builder = build_tables(snapshot, str(work / "datasets"))
        splits = {name: builder.as_dataset(split=split) for name, split in wanted.items()}
    return splits, {"revision": snapshot.commit, "licence": snapshot.licence}


def build_tables(snapshot: Snapshot, cache: str) -> "DatasetBuilder":
    """Fetch the files of the subset, and no others, and keep its rows as tables in `cache`.

    `datasets` itself finds out which files make a subset, from their names and from what the repository says of them.
    For that it gets a folder that looks like the repository, with empty files wherever the content is not needed.
    """
    from datasets import load_dataset_builder

    spec, key = snapshot.spec, snapshot.key
    script = f"{spec.repo_id.rpartition('/')[2]}.py"
    if any(file.path == script for file in snapshot.files):
        raise UserError(
            f"{key}.repo_id: {spec.repo_id} is made by a script of its own, {script}, and code from the Hub is not "
            "run. Use a repository that holds the rows as files, or a revision of this one that does."
        )
    tree = snapshot.place.resolve() / snapshot.commit
    shutil.rmtree(tree, ignore_errors=True)
    files = {tree / file.path: file for file in snapshot.files}
    # `datasets` opens archives to see what they hold
    first = [path for path in files if str(path.relative_to(tree)) in DESCRIPTIONS or path.suffix == ".zip"]
    try:
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        fill_in(snapshot, {path: files[path] for path in first})
        builder = load_dataset_builder(str(tree), spec.subset, cache_dir=cache)
        paths = [Path(path) for split in builder.config.data_files.values() for path in split]
        if strange := [str(path) for path in paths if path not in files]:
            raise UserError(
                f"{key}.repo_id: {spec.repo_id} names files that are not its own ({list_names(strange, quoted=False)})."
            )
        fill_in(snapshot, {path: files[path] for path in paths if path not in first}, builder.info.dataset_size or 0)
        # once more, because `datasets` keeps tables under a name that depends on the files' times
        builder = load_dataset_builder(str(tree), spec.subset, cache_dir=cache)
        builder.download_and_prepare()
    finally:
        shutil.rmtree(tree)
    return builder


def fill_in(snapshot: Snapshot, files: dict[Path, HubFile], unpacked: int = 0) -> None:
    """Put the contents of `files` in place of the empty ones; `unpacked` is how many bytes of tables they become."""
    new = not all(snapshot.blob(file).exists() for file in files.values())
    snapshot.fetch(list(files.values()), [(snapshot.work, unpacked)] if new else [])
    for path, file in files.items():
        path.unlink()
        link_or_copy(snapshot.blob(file), path)


@contextlib.contextmanager
def explain_table(spec: HubDataset, key: str) -> Iterator[None]:
    """Raise `UserError` for what `datasets` raises about a repository's files inside the block."""
    from datasets.exceptions import DatasetsError

    try:
        yield
    except (DatasetsError, FileNotFoundError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, DatasetsError) and error.__cause__ else error
        reason = str(cause).partition("\nExample")[0]
        if reason.startswith(("BuilderConfig", "Config name is missing", "Unknown split")):
            raise UserError(f"{key}: {spec.repo_id} has no such subset or split. {reason}") from error
        if isinstance(error, ValueError) and not reason.startswith("Couldn't infer"):
            raise
        if isinstance(cause, OSError) and cause is not error:  # such as a full disk
            raise cause from None
        said = reason.strip().splitlines()[0]
        raise UserError(f"{key}.repo_id: the files of {spec.repo_id} cannot be read as a table ({said}).") from error
