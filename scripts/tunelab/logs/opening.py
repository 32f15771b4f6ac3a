"""Open text files of any length, compressed or not, and parse their JSON; every mistake names the file and its line."""

import codecs
import importlib
import json
import lzma
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from tunelab.errors import UserError
from tunelab.sources.packing import HEAD, OPENERS, STARTS, find_disguise
from tunelab.sources.strict_json import explain_error
from tunelab.values import name_type

Placed = tuple[str, dict]  # a row, and where it is, for messages


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, each with its number.

    Raises:
        UserError: if the file is no UTF-8 text, or cannot be unpacked.
    """
    with _open(path) as file:
        try:
            for number, line in enumerate(file, 1):
                text = _decode(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line, path, number)
                if text and not text.isspace():
                    yield number, text
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise UserError(f"{path} cannot be unpacked: {error}. Was it copied or downloaded completely?") from error


def read_rows(path: Path) -> Iterator[Placed]:
    """Yield the objects of a file that has one on each line."""
    for number, line in read_lines(path):
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{place}: {explain_error(error, goes_on=line.endswith(chr(10)), line=True)}") from error
        except RecursionError:
            raise UserError(f"{place}: the JSON is nested too deeply to be read. Remove the row.") from None
        yield place, check_object(row, place)


def read_document(path: Path) -> Any:
    """Read a file that is one JSON value."""
    text = "".join(line for _, line in read_lines(path))
    return parse_document(text, str(path))


def parse_document(text: str, name: str) -> Any:
    """Parse a text that is one JSON value; messages call it `name`."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{name}, line {error.lineno}: {explain_error(error)}") from error
    except RecursionError:
        raise UserError(f"{name}: the JSON is nested too deeply to be read.") from None


def check_object(row: Any, place: str) -> dict:
    if not isinstance(row, dict):
        raise UserError(f"{place} is {name_type(row)}, and each row of a log is an object. Correct or remove it.")
    return row


def import_package(module: str, package: str, path: Path) -> ModuleType:
    """Import what only some files need, or name the package to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise UserError(
            f"{path} can be read only with the package {package}, which is not installed here: `pip install {package}`."
        ) from None


def import_zstd(path: Path) -> ModuleType:
    """Import the standard library's zstd, or its copy for Python before 3.14."""
    if sys.version_info >= (3, 14):
        return importlib.import_module("compression.zstd")
    return import_package("backports.zstd", "backports.zstd", path)


def import_zipfile(path: Path) -> ModuleType:
    """Import the standard library's zipfile that knows zstd, or its copy for Python before 3.14."""
    if sys.version_info >= (3, 14):
        return importlib.import_module("zipfile")
    return import_package("backports.zstd.zipfile", "backports.zstd", path)


def _open(path: Path) -> IO[bytes]:
    with open(path, "rb") as file:
        head = file.read(HEAD)
    ending = next((ending for ending, start in STARTS.items() if head.startswith(start)), None)
    if ending == ".zst":  # rare, and its opener would load a heavy library
        raise UserError(f"{path} is compressed with zstd; unpack it first (`unzstd`).")
    if ending:
        return OPENERS[ending](path)
    if what := find_disguise(head) or ("is no text, or is UTF-16; save it as UTF-8" if b"\0" in head else None):
        raise UserError(f"{path} {what}.")
    return open(path, "rb")


def _decode(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        near = line[max(0, error.start - 20) : error.start + 20]
        raise UserError(
            f"{path}, line {number} is not UTF-8 (byte 0x{line[error.start]:02x} in {near!r}); save the file as UTF-8."
        ) from error
