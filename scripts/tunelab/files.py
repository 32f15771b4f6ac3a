"""Give files a second name where the file system can do that, copy them where it cannot, and say which it forbids."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tunelab.errors import UserError


def link_or_copy(source: Path, target: Path) -> None:
    """Put `source` at `target` as a hard link, so that gigabytes lie on disk once, or else as a copy."""
    _name_or_copy(os.link, source.resolve(), target)


def point_or_copy(source: Path, target: Path) -> None:
    """Put `source` at `target` as a symbolic link, or else as a copy."""
    _name_or_copy(os.symlink, source.resolve(), target)


def link_tree(source: Path, target: Path) -> None:
    """Put a file, or every file of a folder, at `target` as `link_or_copy` does."""
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
    """Try `name`; which error says that it cannot be done differs, so whatever hinders a copy as well is said by that.

    Two mounts of one disk have the same device number and no links between them; exFAT and many network file systems
    have none at all; others count the names of a file or ask whose it is.
    """
    try:
        name(source, target)
    except FileExistsError:
        raise
    except OSError:
        try:
            shutil.copyfile(source, target)
        except BaseException:
            target.unlink(missing_ok=True)  # half a file is none
            raise


def check_writable(*places: Path) -> None:
    """Raise `UserError` if this user may not write a file, or into a folder and the folders in it, or make it."""
    for place in places:
        there = next(path for path in (place, *place.absolute().parents) if path.exists())
        inside = there.iterdir() if there == place and there.is_dir() and os.access(there, os.R_OK) else ()
        for path in (there, *(path for path in sorted(inside) if path.is_dir())):
            if not os.access(path, os.W_OK):
                raise UserError(explain_forbidden(path, os.strerror(errno.EACCES)))


def explain_forbidden(path: Path | str, reason: str) -> str:
    """Say that this user may not read or write a file or folder (the system does not say which), and what helps."""
    return (
        f"{path} may not be read or written ({reason}). If the folder is another user's, work in a clone of your own; "
        "if it is yours, give yourself the right to it (`chmod -R u+rwX`) or remount the disk."
    )
