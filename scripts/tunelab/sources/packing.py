"""Read text files, compressed or not, and list the shards of a table in a folder."""

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tunelab.errors import UserError
from tunelab.values import list_names


def _open_zstd(file: Path) -> IO[bytes]:
    import pyarrow

    return pyarrow.input_stream(str(file), compression="zstd")


OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _open_zstd,
}
STARTS = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\x00", ".zst": b"\x28\xb5\x2f\xfd"}
# first bytes of files that are no text, whatever their ending says
DISGUISES = {
    **{start: f"is compressed; add {ending} to its name" for ending, start in STARTS.items()},
    b"PK\x03\x04": "is a ZIP archive or a spreadsheet; unpack it, or save the table as CSV",
    b"version https://git-lfs": "is only Git LFS's note of a file; run `git lfs pull` to have the file itself",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
}
HEAD = 512  # bytes that tell what a file is
HINTS = {
    **dict.fromkeys((".zip", ".tar", ".7z", ".tgz", ".rar"), "unpack it first"),
    **dict.fromkeys((".ndjson", ".jsonlines"), "name it .jsonl"),
    **dict.fromkeys((".tsv", ".tab", ".xls", ".xlsx", ".ods"), "save the table as CSV, with commas"),
    **dict.fromkeys((".arrow", ".feather"), "save the table as Parquet"),
    **dict.fromkeys((".pdf", ".docx", ".html"), "save its text as .txt, with blank lines between paragraphs"),
}
# other files that a folder of shards may hold: markers of the programs that wrote it, and notes
_BESIDE = re.compile(r"[._].*|(readme|licen[cs]e|changelog|dataset_infos?)(\..*)?", re.IGNORECASE)
NOTES = ".md"  # notes if there are files of another kind beside; alone, such files are the table
_SPLIT = re.compile(r"(?<![a-z])(train|test|val|dev|eval)(?:ing|id|idation|uation)?(?![a-z])", re.IGNORECASE)


def find_disguise(head: bytes, expected: bytes | None = None) -> str | None:
    """Say what a file is by its first bytes, if it is evidently no file of rows, and what to do; else None.

    Args:
        expected: the first bytes that its ending promises.
    """
    if head[257:262] == b"ustar":
        return "is an archive (tar); unpack it first"
    return next((what for start, what in DISGUISES.items() if head.startswith(start) and start != expected), None)


def find_format(file: Path) -> str:
    """Return the ending that says how a file is read, such as `.jsonl` of `rows.jsonl.gz`."""
    ending = file.suffix.lower()
    return Path(file.stem).suffix.lower() if ending in OPENERS else ending


def read_content(file: Path, name: str) -> bytes:
    """Return a file's bytes, decompressed if its ending says that it is compressed.

    Args:
        name: of the file, for messages.

    Raises:
        UserError: if it is compressed in another way, is damaged, or holds no file of rows.
    """
    opener = OPENERS.get(file.suffix.lower())
    if opener is None:
        return file.read_bytes()
    with open(file, "rb"):  # an unreadable file is another mistake than a damaged one
        pass
    try:
        with opener(file) as packed:
            content = packed.read()
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        reason = str(error).strip().rstrip(".")[:100]
        raise UserError(
            f"{name}: cannot be unpacked as its ending {file.suffix} says ({reason}). Copy or download it again, or "
            "name it as it was compressed."
        ) from error
    if disguise := find_disguise(content[:HEAD]):
        what = "is compressed once more; unpack it once" if disguise.startswith("is compressed") else disguise
        raise UserError(f"{name}: what is packed in it {what}.")
    return content


def read_text(file: Path, name: str) -> str:
    """Return a file's text, read as UTF-8 with or without the byte order mark of Windows programs."""
    content = read_content(file, name)
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise UserError(f"{name}: line {line} has a byte 0x00, as files in UTF-16 do; save the file as UTF-8 text.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        begin = max(content.rfind(b"\n", 0, error.start) + 1, error.start - 20)
        near = content[begin : error.start + 20].partition(b"\n")[0]
        raise UserError(
            f"{name}: line {line} is not UTF-8 (byte 0x{content[error.start]:02x} in {near!r}); save the file as UTF-8."
        ) from error


def list_shards(folder: Path, key: str, name: str) -> list[Path]:
    """Return the files of a folder that together are one table, sorted by name.

    Raises:
        UserError: if it holds folders, files of several formats, or files whose names say several splits.
    """
    inside = sorted(path for path in folder.iterdir() if not _BESIDE.fullmatch(path.name))
    inside = [path for path in inside if path.suffix.lower() != NOTES] or inside
    if folders := [path.name for path in inside if path.is_dir()]:
        raise UserError(f"{key}: the folder {name!r} holds other folders ({list_names(folders)}); name one of those.")
    if not inside:
        raise UserError(f"{key}: the folder {name!r} holds no files with rows. Name another, or the files.")
    for said, what in (
        ({find_format(path) for path in inside}, "files of several kinds"),
        (_find_splits(inside), "splits"),
    ):
        if len(said) > 1:
            raise UserError(
                f"{key}: the folder {name!r} holds {what} ({list_names(sorted(said))}), and a folder is read as one "
                "table. Name the files instead."
            )
    return inside


def _find_splits(files: list[Path]) -> set[str]:
    return {found[1].lower() for file in files for found in [_SPLIT.search(file.name)] if found}
