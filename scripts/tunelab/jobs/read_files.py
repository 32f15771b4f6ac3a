"""What a file of functions of the user's own says and reads: its code, and the files that its texts name.

A name that is put together while it runs is not seen.
"""

import ast
import hashlib
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from tunelab import records
from tunelab.jobs.provenance import hash_source


def hash_function_file(file: Path) -> str:
    """Return a hash of a file's code, and of the contents of the files that it names, wherever they lie.

    Raises:
        OSError: if it cannot be read; SyntaxError, ValueError: if it is no Python.
    """
    digest, contents = hash_source(file), sorted(records.hash_file(path) for path in list_read(file))
    return hashlib.sha256(" ".join([digest, *contents]).encode()).hexdigest()[:12] if contents else digest


def list_read(file: Path) -> set[str]:
    """List the files that texts of a Python file name: from its folder on, a folder named there, or the working one."""
    texts = {
        node.value
        for node in ast.walk(ast.parse(file.read_bytes(), str(file)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value
    }
    return {os.path.realpath(path) for path in _find(file.parent, texts)} - {os.path.realpath(file)}


def _find(folder: Path, texts: set[str]) -> Iterator[Path]:
    whole = [place / os.path.expanduser(text) for place, text in product((folder, Path()), texts)]
    inside = [path / text for path, text in product(filter(os.path.isdir, whole), texts)]
    yield from filter(os.path.isfile, [*whole, *inside])
