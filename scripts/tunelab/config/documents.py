"""Read one file of the config as Snakemake reads it: as JSON if it is that, which tabs may indent, else as YAML."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tunelab.errors import UserError
from tunelab.values import shorten

# Say in plain words where a text is no YAML, why, and how to mend it; the libraries tell of tokens and block ends.


INDENTED = "line {line} does not stand under the lines above it; indent it by as many spaces as what it belongs to"
UNCLOSED = "the {bracket} of line {opened} is not closed before line {line}, or a comma is missing there"
QUOTED = (
    "line {line}: text stands behind a closing quote; close each quote where its value ends, in the lines before too, "
    "and write a ' inside '…' twice"
)
COLON = "line {line}: a colon and a space stand in the middle of a value; put the value in quotes"
KEYLESS = "line {line} is no key with a value; write a colon and a space behind the key"
# what the library says, in which the first group is a sign, and what to say of it
SAYINGS = (
    (r"found character '\\t'", "line {line} is indented by a tab; indent it by spaces"),
    (r"found character '(.)'", "line {line}: a value cannot begin with {sign}; put it in quotes"),
    (r"undefined (alias)", "line {line}: a value that begins with * stands for another one; put it in quotes"),
    (r"constructor for the tag", "line {line}: a value that begins with ! names a type; put it in quotes"),
    (r"unhashable key", "line {line}: braces within braces are no value; put it in quotes"),
    (r"flow mapping.*<stream end>", "the {{ of line {opened} is never closed"),
    (r"flow sequence.*<stream end>", "the [ of line {opened} is never closed"),
    (r"flow mapping.*expected ','", UNCLOSED.replace("{bracket}", "{{")),
    (r"flow sequence.*expected ','", UNCLOSED.replace("{bracket}", "[")),
    (r"quoted scalar.*end of stream", "the quote that line {opened} opens is never closed"),
    (
        r"unknown escape character '(.)'",
        "line {line}: \\{sign} means nothing in double quotes; write \\\\{sign}, or take single quotes",
    ),
    (r"another document", "line {line} begins a second document; drop the ---"),
    (r"sequence entries are not allowed", "line {line}: a list with - begins in a line of its own; put it there"),
    (r"chomping or indentation", "line {line}: the text behind | or > begins in the next line; put it there"),
    (r"could not find expected ':'", KEYLESS.replace("{line}", "{opened}")),
    (r"expected (<block end>|'<document start>'), but found '(<block|-|\?)", INDENTED),
)


def explain_yaml(text: str) -> str:
    """Return what is wrong with a text that YAML's reader refuses, with its lines."""
    try:
        yaml.safe_load(text)  # the reader in Python says more than that in C
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return f"line {line} holds a control character (#x{error.character:02x}); remove it"
    except yaml.MarkedYAMLError as error:
        return _explain(text.split("\n"), error)
    except ValueError as error:
        return next(_find_unreadable(text), str(error))
    return "YAML's reader cannot read it"


def _explain(lines: list[str], error: yaml.MarkedYAMLError) -> str:
    mark, opened = error.problem_mark, error.context_mark
    said = f"{error.context}: {error.problem}"
    colon = re.search(r":\s", lines[mark.line][: mark.column]) if mark.line < len(lines) else None
    if "mapping values are not allowed" in said:
        return COLON.format(line=mark.line + 1) if colon else _explain_depth(lines, mark.line)
    if "but got ':'" in said and colon:
        return f"{COLON.format(line=mark.line + 1)}, or write the comma that is missing before it"
    if "but found '<scalar>'" in said:
        inside = lines[mark.line][: mark.column].strip()
        return (QUOTED if inside else INDENTED).format(line=mark.line + 1)
    for pattern, sentence in SAYINGS:
        if found := re.search(pattern, said):
            sign = found[1] if found.groups() else ""
            return sentence.format(line=mark.line + 1, opened=opened.line + 1 if opened else "", sign=sign)
    return f"line {mark.line + 1}: {error.problem}"


def _explain_depth(lines: list[str], line: int) -> str:
    """Explain a key that goes on with the value of the line before."""
    before = next(number for number in reversed(range(line)) if lines[number].strip())
    if re.search(r":(\s|$)", lines[before]):
        return f"line {line + 1} is indented deeper than line {before + 1}, which has a value; indent both alike"
    return KEYLESS.format(line=before + 1)


def _find_unreadable(text: str) -> Iterator[str]:
    """Yield a sentence for each value that is refused as what it looks like, a date or a number."""
    for token in yaml.scan(text):
        if isinstance(token, yaml.ScalarToken) and token.plain:
            try:
                yaml.safe_load(token.value)
            except ValueError as error:
                yield f"line {token.start_mark.line + 1}: {token.value} cannot be read ({error}); put it in quotes"


# Find keys that stand twice in one mapping of a file, which YAML and JSON take without a word, keeping the last.


class _Pairs(list):
    """An object of JSON as its keys and values in order, the repeated ones too."""


def list_repeated_keys(file: Path) -> list[str]:
    """Write one line per repeated key: `config/mine.yaml, line 12: runs.lora stands in line 5 already; …`.

    JSON's reader knows no lines.
    """
    text = file.read_text(encoding="utf-8")
    if is_json(text):
        return [f"{file}: {line}" for line in _search_json(json.loads(text, object_pairs_hook=_Pairs), "")]
    return [f"{file}, {line}" for line in _search_yaml(yaml.compose(text, Loader=LOADER))]


def _search_json(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, _Pairs):
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from _search_json(item, f"{path}[{index}]")
        return
    seen = set()
    for key, item in value:
        here = f"{path}.{key}".removeprefix(".")
        if key in seen:
            yield f"{here} stands there before already; JSON keeps only the last, so drop one"
        seen.add(key)
        yield from _search_json(item, here)


def _search_yaml(root: yaml.Node | None) -> Iterator[str]:
    for path, node in walk_nodes(root):
        lines: dict[str, int] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else []:
            here, line = f"{path}.{key.value}".removeprefix("."), key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                yield f"line {line}: {here} stands in line {first} already; YAML keeps only the last, so drop one"
            lines[key.value] = line


# Find numbers that YAML 1.1 reads as others than those that stand there: octal and sexagesimal ones.


_MISREAD = re.compile(r"[-+]?(0[0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")


def list_misread(file: Path) -> list[str]:
    """Write one line per number: `config/mine.yaml, line 12: runs.lora.training.max_steps: YAML reads 060 as 48; …`."""
    text = file.read_text(encoding="utf-8")
    if is_json(text):  # which knows no such numbers
        return []
    root = yaml.compose(text, Loader=LOADER)
    return [f"{file}, {line}" for line in _search(root)]


def _search(root: yaml.Node | None) -> Iterator[str]:
    for path, node in walk_nodes(root):
        if isinstance(node, yaml.ScalarNode) and not node.style and _MISREAD.fullmatch(node.value):
            line, read = node.start_mark.line + 1, yaml.safe_load(node.value)
            remedy = f"write {read}, or another number, or quote it"
            yield f"line {line}: {path}: YAML reads {node.value} as {read}; {remedy}"


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_document(file: Path) -> dict[str, Any]:
    """Return what a file of the config holds.

    Raises:
        UserError: if it is not there, is neither JSON nor YAML, or holds no mapping.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); name an overlay that exists{_hint(file)}."
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}: line {line} is not UTF-8; save the file as UTF-8 text.") from None
    try:
        content = parse_document(text)
    except (yaml.YAMLError, ValueError):
        raise UserError(f"{file} is not YAML: {explain_yaml(text)}.") from None
    if not isinstance(content, dict):
        raise UserError(f"{file} must hold keys and values, like config/config.yaml (got {shorten(content)}).")
    return content


def _hint(file: Path) -> str:
    """Name the file that may be meant by the name of a study."""
    meant = Path("config", file.name).with_suffix(".yaml")
    return f", such as {meant}" if meant.is_file() and meant != file else ""


def check_typed(values: dict[str, Any]) -> None:
    """Refuse what the command line says (`--config`) as a list or mapping that is none; Snakemake takes it for a text.

    Raises:
        UserError: naming the value.
    """
    for key, value in values.items():
        if isinstance(value, str) and value.startswith(("{", "[")):
            raise UserError(f"--config {key}={shorten(value)} is not YAML: {explain_yaml(value)}.")


def parse_document(text: str) -> Any:
    return json.loads(text) if is_json(text) else yaml.load(text, Loader=LOADER)


def restore_nulls(value: Any) -> Any:
    """Return what the command line says (`--config`) with YAML's words for null as null; Snakemake hands on texts."""
    if isinstance(value, dict):
        return {key: restore_nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restore_nulls(item) for item in value]
    return None if value in ("null", "Null", "NULL", "~") else value


def walk_nodes(node: yaml.Node | None, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, yaml.Node]]:
    """Yield each node of a YAML document with its path, `runs.lora[0]`; an alias is the very node of its anchor."""
    seen = set() if seen is None else seen
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    yield path, node
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from walk_nodes(item, f"{path}[{index}]", seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from walk_nodes(value, f"{path}.{key.value}".removeprefix("."), seen)


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
