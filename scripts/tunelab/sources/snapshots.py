"""Keep repositories of the Hub at the commit that was seen first, with the hash of every file checked.

A branch or tag, or no revision at all, is looked up once. The commit is written to `refs/<revision>` in the
repository's folder below `work/downloads/hub`, and every later fetch in this checkout uses it, for all studies, even if
`results` is deleted: a study does not change because the remote did. To take the newest on purpose:

    rm work/downloads/hub/models--org--name/refs/main && snakemake --cores all --forcerun fetch_model

(`datasets--org--name` and `fetch_dataset` for data sets). To have the same commit in other checkouts, write it into the
config as `revision`. The list of a commit's files is kept in `<commit>.json`, so what was fetched once needs no Hub any
more. Contents are in `blobs` under their hashes, as in the cache of the Hub's client, and are hashed again at each use.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from tunelab import records
from tunelab.config.specs.sources import HubDataset, HubModel
from tunelab.errors import UserError
from tunelab.jobs.job import report_progress
from tunelab.jobs.processes import held_lock
from tunelab.sources.hub_errors import explain_offline, explain_vanished
from tunelab.sources.transfer import HubFile, compute_digest, download_file, insist

COMMIT = re.compile("[0-9a-f]{40}")


def check_space(key: str, what: str, needs: Iterable[tuple[Path, int]]) -> None:
    """Raise `UserError` unless every disk has the bytes free that the folders on it need together.

    Args:
        what: needs them, for the message.
        needs: folders, and the bytes that will be written there.
    """
    disks: dict[int, tuple[Path, int]] = {}
    for folder, needed in needs:
        device = os.stat(folder).st_dev
        first, others = disks.get(device, (folder, 0))
        disks[device] = (first, others + needed)
    for folder, needed in disks.values():
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise UserError(
                f"{key}: {what} needs {needed / 1e9:.3g} GB on the disk of {folder}, of which {free / 1e9:.3g} GB are "
                "free. Free some space, or put that folder on a larger disk and a link in its place."
            )


class Snapshot:
    """A repository at one commit: its files, and the contents that were fetched."""

    def __init__(self, spec: HubModel | HubDataset, kind: str, key: str, work: Path, place: Path):
        self.spec, self.kind, self.key, self.work, self.place = spec, kind, key, work, place
        self.revision = spec.revision or "main"
        self.pin = place / "refs" / quote(self.revision, safe="")
        listing = self.resolve()
        self.commit: str = listing["commit"]
        self.licence: str | None = spec.licence or listing["licence"]
        self.files = [HubFile(**file) for file in listing["files"]]

    def resolve(self) -> dict:
        """Return commit, licence and files of the revision, from the disk if it was looked up before."""
        if COMMIT.fullmatch(self.revision):
            commit = self.revision
        else:
            commit = self.pin.read_text(encoding="utf-8").strip() if self.pin.is_file() else None
            if commit:
                report_progress(
                    f"{self.key}: {self.spec.repo_id} at {commit}, recorded for {self.revision!r}; to use the newest, "
                    f"delete {self.pin} and run with `--forcerun fetch_{self.kind}`"
                )
        kept = self.place / f"{commit}.json"
        if commit and kept.exists():
            return records.read_json(kept)
        explain_offline(self.spec, self.key, f"{self.revision!r} was not fetched before")
        with explain_vanished(self.spec, self.key, commit, self.pin):
            listing = insist(lambda: look_up(self.spec, self.kind, self.key, commit or self.revision), self.key)
        records.write_json(self.place / f"{listing['commit']}.json", listing)
        if not commit:
            records.write_text(self.pin, listing["commit"] + "\n")
            report_progress(f"{self.key}: {self.revision!r} of {self.spec.repo_id} is {listing['commit']}, recorded")
        return listing

    def blob(self, file: HubFile) -> Path:
        """Return where a file's content is kept."""
        return self.place / "blobs" / file.digest

    def fetch(self, files: list[HubFile], extra: list[tuple[Path, int]] | None = None) -> None:
        """Download the contents of `files` that are not on disk yet.

        Args:
            extra: folders with the bytes that will be written there besides, for the check of free space.
        """
        from huggingface_hub import hf_hub_url

        (self.place / "blobs").mkdir(exist_ok=True)
        lacking = {file.digest: file for file in files if not self.has(file)}.values()
        if lacking:
            explain_offline(self.spec, self.key, f"{len(lacking)} of its files were not fetched before")
        needed = sum(file.bytes - self.count_received(file) for file in lacking)
        check_space(self.key, f"fetching {self.spec.repo_id}", [(self.work, needed), *(extra or [])])
        if lacking:
            report_progress(f"{self.key}: downloading {len(lacking)} files, {needed / 1e9:.3g} GB")
        for file in lacking:
            address = hf_hub_url(self.spec.repo_id, file.path, repo_type=self.kind, revision=self.commit)
            print(f"{self.key}: {file.path}, {file.bytes} bytes", flush=True)
            with explain_vanished(self.spec, self.key, self.commit, self.pin, file.path):
                download_file(address, file, self.blob(file), self.key)

    def has(self, file: HubFile) -> bool:
        """Tell whether a file's content is on disk, with the right hash."""
        blob = self.blob(file)
        return blob.exists() and compute_digest(blob, file.digest) == file.digest

    def count_received(self, file: HubFile) -> int:
        """Return how many bytes of an unfinished download are on disk."""
        part = self.blob(file).with_name(file.digest + ".incomplete")
        return part.stat().st_size if part.exists() else 0


@contextlib.contextmanager
def open_snapshot(spec: HubModel | HubDataset, kind: str, key: str, work: Path) -> Iterator[Snapshot]:
    """Yield a repository at its commit; jobs that fetch the same repository wait for each other."""
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(spec.repo_id)
    place = work / "hub" / f"{kind}s--{spec.repo_id.replace('/', '--')}"
    with held_lock(place / ".lock", on_wait=lambda: report_progress(f"{key}: waiting for another fetch of it")):
        yield Snapshot(spec, kind, key, work, place)


def look_up(spec: HubModel | HubDataset, kind: str, key: str, revision: str) -> dict:
    """Ask the Hub which commit a revision is now, and for its licence and files."""
    from huggingface_hub import HfApi, constants

    timeout = constants.HF_HUB_ETAG_TIMEOUT  # the client has none of its own here
    try:
        info = HfApi().repo_info(spec.repo_id, revision=revision, repo_type=kind, files_metadata=True, timeout=timeout)
        commit = COMMIT.fullmatch(info.sha)[0]
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise UserError(
            f"{key}.repo_id: {constants.ENDPOINT} does not answer as the Hub does. Check hub.endpoint (or HF_ENDPOINT) "
            "and whether this network shows a page of its own before it lets anyone out."
        ) from error
    card = info.card_data or {}
    licence = card.get("license")
    if licence == "other":  # such licences have a name beside
        licence = card.get("license_name") or licence
    files = []
    for file in info.siblings or []:
        digest = file.lfs.sha256 if file.lfs else file.blob_id
        if file.size is None or not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", digest or ""):
            raise UserError(
                f"{key}.repo_id: {constants.ENDPOINT} tells no size or no hash of {spec.repo_id}/{file.rfilename}, so "
                "a download could not be checked. Use the Hub itself, or set hub.endpoint to another mirror."
            )
        path = PurePosixPath(file.rfilename)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{key}.repo_id: {spec.repo_id} lists a file outside itself, {file.rfilename!r}.")
        files.append({"path": file.rfilename, "bytes": file.size, "digest": digest})
    named = ", ".join(licence) if isinstance(licence, list) else licence
    return {"commit": commit, "licence": named, "files": files}
