"""Measure and remove files and folders without ever following a link."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def list_tree(path: Path) -> list[Path]:
    """List the files and links below a folder, or the file or link itself."""
    if path.is_symlink() or not path.is_dir():
        return [path] if os.path.lexists(path) else []
    return [file for child in sorted(path.iterdir()) for file in list_tree(child)]


def measure_bytes(paths: Iterable[Path]) -> int:
    return sum(file.lstat().st_size for path in paths for file in list_tree(path))


def count_links(paths: Iterable[Path]) -> Counter[tuple[int, int]]:
    """Count by how many names below `paths` each file on the disk (device, inode) goes."""
    found = [file.lstat() for path in paths for file in list_tree(path)]
    return Counter((state.st_dev, state.st_ino) for state in found)


def measure_freed(paths: Iterable[Path]) -> int:
    """Return the bytes that removing `paths` sets free: a file with another name elsewhere stays on the disk."""
    paths = list(paths)
    names = count_links(paths)
    found = {(state.st_dev, state.st_ino): state for path in paths for state in map(os.lstat, list_tree(path))}
    return sum(state.st_size for key, state in found.items() if names[key] >= state.st_nlink)


def remove_tree(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)
