"""Keep the results of expensive jobs under a key, so that the same work is never done twice.

Snakemake deletes a job's outputs before it runs the job again, and runs all that follows a job, even if the job made
the same bytes. So a finished job's outputs get a second name (a hard link, which takes no space) in
`work/kept/<rule>-<key>/`, where the key stands for the config, code, packages and inputs of the work. Taking a setting
back, renaming a run, or rebuilding an input to the same bytes then costs a link. A killed training's checkpoints lie
under the same key, so that no other work can go on from them.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tunelab import records
from tunelab.files import link_tree
from tunelab.jobs.processes import held_lock

KEPT = Path("work/kept")


class KeptWork:
    """One key's folder: `outputs/` and `manifest.json` of finished work, `checkpoints/` of unfinished work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self._outputs, self._manifest = folder / "outputs", folder / "manifest.json"

    def restore(self, outputs: dict[str, str]) -> dict | None:
        """Put finished work in place of `outputs` (name → path) and return its card; None if there is none.

        Files that are no longer what they were (something wrote into a result in place) are not used.
        Checkpoints go then: whoever finished the work may have been killed before it could remove them.
        """
        if not self._manifest.exists():
            return None
        manifest = records.read_json(self._manifest)
        if records.build_manifest(self._outputs) != manifest["files"]:
            print(f"{self.folder}: what was kept has been changed since, and is not used")
            return None
        for name, path in outputs.items():
            link_tree(self._outputs / name, Path(path))
        self._remove_checkpoints()
        return manifest["card"]

    def give_up(self) -> None:
        """Remove finished work, which is to be done again; the checkpoints of a killed attempt stay."""
        if self._manifest.exists():
            self._remove_checkpoints()
            self._manifest.unlink()
            shutil.rmtree(self._outputs)

    def store(self, outputs: dict[str, str], card: dict) -> None:
        """Keep `outputs` (name → path) and their card, and remove the checkpoints."""
        self._manifest.unlink(missing_ok=True)
        shutil.rmtree(self._outputs, ignore_errors=True)
        for name, path in outputs.items():
            link_tree(Path(path), self._outputs / name)
        records.write_json(self._manifest, {"files": records.build_manifest(self._outputs), "card": card})
        self._remove_checkpoints()

    def _remove_checkpoints(self) -> None:
        if self.checkpoints.exists():
            shutil.rmtree(self.checkpoints)


@contextlib.contextmanager
def kept_work(name: str, root: Path = KEPT) -> Iterator[KeptWork]:
    """Yield the folder of one key to this process alone; wait while another has it."""
    folder = root / name
    with held_lock(root / f"{name}.lock", on_wait=lambda: print(f"{folder}: waiting for another process to finish")):
        yield KeptWork(folder)
