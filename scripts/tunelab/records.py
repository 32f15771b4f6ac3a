"""Read, write and hash the workflow's plain files: text, JSON, and JSON Lines with one record per line.

Writers write a `.part` file and rename it, so a file that exists is always complete. Text is UTF-8, unescaped.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def whole_file(path: Path, mode: str = "w") -> Iterator[IO]:
    """Open a file for writing that appears under its name only when it is complete."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with open(part, mode, **({} if "b" in mode else {"encoding": "utf-8", "newline": "\n"})) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a power cut after the rename must not leave an empty file under the name
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)


def read_json(path: Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    with whole_file(path) as file:
        json.dump(value, file, ensure_ascii=False, indent=1, allow_nan=False)
        file.write("\n")


def read_jsonl(path: Path) -> list[dict]:
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write_jsonl(path: Path, rows: Iterable[dict]) -> None:
    with whole_file(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text)


def hash_file(path: Path) -> str:
    """Return the file's sha256 in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_manifest(folder: Path) -> list[dict]:
    """List a folder's files, sorted by path, each with its size in bytes and sha256."""
    return [
        {"path": str(path.relative_to(folder)), "bytes": path.stat().st_size, "sha256": hash_file(path)}
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    ]
