"""Link files, or copy them where the file system has no links, and check that files can be written."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tunelab.errors import UserError


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link `source` at `target`, so that gigabytes are on the disk once, or else copy it."""
    _name_or_copy(os.link, source.resolve(), target)


def point_or_copy(source: Path, target: Path) -> None:
    """Link `source` symbolically at `target`, or else copy it."""
    _name_or_copy(os.symlink, source.resolve(), target)


def link_tree(source: Path, target: Path) -> None:
    """Link or copy a file, or every file of a folder, to `target`, over what is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        for file in sorted(source.rglob("*")):
            if file.is_file():
                link_tree(file, target / file.relative_to(source))
        target.mkdir(exist_ok=True)
    else:
        target.unlink(missing_ok=True)
        link_or_copy(source, target)


def _name_or_copy(name: Callable[[Path, Path], None], source: Path, target: Path) -> None:
    """Try to link with `name`, or else copy; an error that also prevents the copy is raised by the copy.

    File systems report in different ways that they cannot link: there are no links between two mounts of one disk, nor
    on exFAT and many network file systems; others limit the links of a file or check its owner.
    """
    try:
        name(source, target)
    except FileExistsError:
        raise
    except OSError:
        try:
            shutil.copyfile(source, target)
        except BaseException:
            target.unlink(missing_ok=True)  # leave no half-copied file
            raise


def check_writable(*places: Path) -> None:
    """Raise `UserError` if this user may not write or create a file, or write into a folder and the folders in it."""
    for place in places:
        there = next(path for path in (place, *place.absolute().parents) if path.exists())
        inside = there.iterdir() if there == place and there.is_dir() and os.access(there, os.R_OK) else ()
        for path in (there, *(path for path in sorted(inside) if path.is_dir())):
            if not os.access(path, os.W_OK):
                raise UserError(explain_forbidden(path, os.strerror(errno.EACCES)))


def explain_forbidden(path: Path | str, reason: str) -> str:
    """Say that this user may not read or write a file or folder (the system does not tell which), and what to do."""
    return (
        f"{path} may not be read or written ({reason}). If the folder is another user's, work in a clone of your own; "
        "if it is yours, give yourself the right to it (`chmod -R u+rwX`) or remount the disk."
    )
