"""Download models and data sets from the Hugging Face Hub, or a mirror of it, at one recorded commit.

The Hub's own cache layout is kept under the workflow's `work` folder, so an interrupted download resumes. Only
safetensors weights and the files around them are taken; pickled weights never are. The token is the one that the
Hub's client finds by itself: HF_TOKEN, or what `hf auth login` stored.

Nothing of the Hub's client is imported at the top, because it reads its settings once, on import.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tunelab.errors import UserError
from tunelab.job import report_progress
from tunelab.sources.folders import link_or_copy
from tunelab.sources.local import MODEL_FILES, check_weights
from tunelab.specs import HubDataset, HubModel, HubSettings

if TYPE_CHECKING:
    from datasets import Dataset

LOG_IN = "Then log in with `hf auth login`, or set HF_TOKEN."


def configure_hub(settings: HubSettings) -> None:
    """Set the mirror and the proxy; call it before anything imports huggingface_hub or datasets."""
    if settings.endpoint:
        os.environ["HF_ENDPOINT"] = settings.endpoint
        # The Xet transfer goes round a mirror, straight to the Hub's own storage.
        os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    if settings.proxy:
        os.environ["HTTP_PROXY"] = os.environ["HTTPS_PROXY"] = settings.proxy


def download_model(spec: HubModel, key: str, work: Path, folder: Path) -> dict:
    """Fill `folder` with the model's files and return the commit and the licence."""
    from huggingface_hub import snapshot_download

    commit, licence = resolve_revision(spec, "model", key)
    report_progress(f"{key}: downloading {spec.repo_id} at {commit}")
    with explain_errors(spec, key):
        # Paths in sub-folders are other formats of the same weights; a model that loads has its files at the top.
        snapshot = Path(
            snapshot_download(
                spec.repo_id,
                revision=commit,
                cache_dir=work / "hub",
                allow_patterns=list(MODEL_FILES),
                ignore_patterns=["*/*"],
            )
        )
    check_weights(snapshot, key)
    for file in snapshot.iterdir():
        link_or_copy(file, folder / file.name)
    return {"revision": commit, "licence": licence}


def download_dataset(spec: HubDataset, key: str, work: Path) -> tuple[dict[str, "Dataset"], dict]:
    """Return the splits "train" and, if the spec names one, "test", and the commit and the licence."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    commit, licence = resolve_revision(spec, "dataset", key)
    report_progress(f"{key}: downloading {spec.repo_id} at {commit}")
    wanted = {"train": spec.split} | ({"test": spec.test_split} if spec.test_split else {})
    with explain_errors(spec, key):
        try:
            splits = {
                name: load_dataset(
                    spec.repo_id, spec.subset, split=split, revision=commit, cache_dir=str(work / "datasets")
                )
                for name, split in wanted.items()
            }
        except DatasetNotFoundError as error:
            # The repository was there a moment ago; what is refused now are its files.
            raise UserError(explain_gate(spec, key)) from error
        except ValueError as error:
            if not str(error).startswith(("BuilderConfig", "Config name is missing", "Unknown split")):
                raise
            raise UserError(f"{key}: {spec.repo_id} has no such subset or split. {error}") from error
    return splits, {"revision": commit, "licence": licence}


def resolve_revision(spec: HubModel | HubDataset, kind: str, key: str) -> tuple[str, str | None]:
    """Return the commit that the revision means now, and the licence: the config's, or else the repository's."""
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        if not re.fullmatch("[0-9a-f]{40}", spec.revision or "") or not spec.licence:
            raise UserError(
                f"{key}.revision: HF_HUB_OFFLINE is set, so {spec.revision or 'the newest revision'!r} of "
                f"{spec.repo_id} cannot be looked up. Give the commit hash and the licence, or unset HF_HUB_OFFLINE."
            )
        return spec.revision, spec.licence
    with explain_errors(spec, key):
        info = HfApi().repo_info(spec.repo_id, revision=spec.revision, repo_type=kind)
    licence = spec.licence or (info.card_data or {}).get("license")
    return info.sha, ", ".join(licence) if isinstance(licence, list) else licence


@contextlib.contextmanager
def explain_errors(spec: HubModel | HubDataset, key: str) -> Iterator[None]:
    """Turn what the Hub's client raises into a sentence with the config key and the remedy."""
    from httpx2 import RequestError
    from huggingface_hub import errors

    address = os.environ.get("HF_ENDPOINT", "the Hub")
    try:
        yield
    except errors.GatedRepoError as error:
        raise UserError(explain_gate(spec, key)) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(
            f"{key}.revision: {spec.repo_id} has no revision {spec.revision!r}; give a commit hash, branch or tag."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{key}.repo_id: {address} has no {spec.repo_id!r}, or hides it because it is private. Check the "
            f"spelling (owner/name); if it is private, ask its owner for access. {LOG_IN}"
        ) from error
    except (errors.LocalEntryNotFoundError, ConnectionError, RequestError) as error:
        raise UserError(
            f"{key}: {address} cannot be reached for {spec.repo_id} ({type(error).__name__}). Set hub.endpoint to a "
            "mirror or hub.proxy to a proxy; or use `source: local` with files of your own; or choose the default "
            "study, which needs no Hub. HF_HUB_OFFLINE must not be set unless everything was downloaded before."
        ) from error
    except errors.HFValidationError as error:
        raise UserError(f"{key}.repo_id: {spec.repo_id!r} is not of the form owner/name ({error}).") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise UserError(
                f"{key}.repo_id: {address} refuses access to {spec.repo_id} ({status}): the token is missing, expired "
                f"or lacks the right to read this repository. {LOG_IN}"
            ) from error
        raise UserError(
            f"{key}: {address} answered {status} for {spec.repo_id}; wait a little and run again, the download "
            "goes on where it stopped."
        ) from error


def explain_gate(spec: HubModel | HubDataset, key: str) -> str:
    return f"{key}.repo_id: {spec.repo_id} is gated; accept its terms on its page on the Hub. {LOG_IN}"
