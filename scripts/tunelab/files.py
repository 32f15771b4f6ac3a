"""Give files a second name where one disk holds both, and copy them where it does not."""

import os
import shutil
from pathlib import Path


def link_or_copy(source: Path, target: Path) -> None:
    """Put `source` at `target` as a hard link, so that gigabytes lie on disk once; copy across file systems."""
    source = source.resolve()
    if source.stat().st_dev == target.parent.stat().st_dev:
        os.link(source, target)
    else:
        shutil.copyfile(source, target)


def link_tree(source: Path, target: Path) -> None:
    """Put a file, or every file of a folder, at `target` in the same way."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        for file in sorted(source.rglob("*")):
            if file.is_file():
                link_tree(file, target / file.relative_to(source))
        target.mkdir(exist_ok=True)
    else:
        target.unlink(missing_ok=True)
        link_or_copy(source, target)
