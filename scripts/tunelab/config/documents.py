"""Read a file of the config as Snakemake does (as JSON if it is that, else as YAML), and explain what is wrong in it.

Found are texts that are no YAML, keys that stand twice in one mapping (YAML and JSON silently keep the last), and
numbers that YAML 1.1 reads as others (octal and sexagesimal ones).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tunelab.errors import UserError
from tunelab.values import shorten

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MISREAD = re.compile(r"[-+]?(0[0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
INDENTED = "line {line} does not stand under the lines above it; indent it by as many spaces as what it belongs to"
UNCLOSED = "the {bracket} of line {opened} is not closed before line {line}, or a comma is missing there"
QUOTED = (
    "line {line}: text stands behind a closing quote; close each quote where its value ends, in the lines before too, "
    "and write a ' inside '…' twice"
)
COLON = "line {line}: a colon and a space stand in the middle of a value; put the value in quotes"
KEYLESS = "line {line} is no key with a value; write a colon and a space behind the key"
# patterns of PyYAML's messages, whose first group is a sign, and ours
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


def read_document(file: Path) -> dict[str, Any]:
    """Return the content of a file of the config.

    Raises:
        UserError: if the file does not exist, is neither JSON nor YAML, or holds no mapping.
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


def merge(below: Any, above: dict) -> dict:
    """Merge mappings key by key; anything else in `above` replaces what is below."""
    merged = dict(below) if isinstance(below, dict) else {}
    for key, value in above.items():
        merged[key] = merge(merged.get(key), value) if isinstance(value, dict) else value
    return merged


def check_typed(values: dict[str, Any]) -> None:
    """Check that lists and mappings given by `--config` are some; Snakemake takes a broken one for a text.

    Raises:
        UserError: naming the value.
    """
    for key, value in values.items():
        if isinstance(value, str) and value.startswith(("{", "[")):
            raise UserError(f"--config {key}={shorten(value)} is not YAML: {explain_yaml(value)}.")


def restore_nulls(value: Any) -> Any:
    """Return what `--config` gives with null for YAML's words for it, which Snakemake hands on as texts."""
    if isinstance(value, dict):
        return {key: restore_nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restore_nulls(item) for item in value]
    return None if value in ("null", "Null", "NULL", "~") else value


def parse_document(text: str) -> Any:
    """Parse a text as JSON if it is that, else as YAML."""
    return json.loads(text) if is_json(text) else yaml.load(text, Loader=LOADER)


def list_repeated_keys(file: Path) -> list[str]:
    """Write one message per repeated key: `config/mine.yaml, line 12: runs.lora stands in line 5 already; …`.

    Those about JSON name no lines, as its reader does not know them.
    """
    text = file.read_text(encoding="utf-8")
    if is_json(text):
        return [f"{file}: {line}" for line in _search_json(json.loads(text, object_pairs_hook=_Pairs), "")]
    return [f"{file}, {line}" for line in _search_yaml(yaml.compose(text, Loader=LOADER))]


def list_misread(file: Path) -> list[str]:
    """Write one message per misread number: `config/mine.yaml, line 12: study.seeds[0]: YAML reads 060 as 48; …`."""
    text = file.read_text(encoding="utf-8")
    if is_json(text):  # JSON has no such numbers
        return []
    root = yaml.compose(text, Loader=LOADER)
    return [f"{file}, {line}" for line in _search_numbers(root)]


def explain_yaml(text: str) -> str:
    """Say in which line a text is no YAML, why, and how to mend it."""
    try:
        yaml.safe_load(text)  # the loader in Python says more than the one in C
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return f"line {line} holds a control character (#x{error.character:02x}); remove it"
    except yaml.MarkedYAMLError as error:
        return _explain(text.split("\n"), error)
    except ValueError as error:
        return next(_find_unreadable(text), str(error))
    return "YAML's reader cannot read it"


def walk_nodes(node: yaml.Node | None, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, yaml.Node]]:
    """Yield each node of a YAML document once, with its path, such as `runs.lora[0]`."""
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
    """Tell whether a text is JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


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
    """Explain a key that seems to continue the value of the line before."""
    before = next(number for number in reversed(range(line)) if lines[number].strip())
    if re.search(r":(\s|$)", lines[before]):
        return f"line {line + 1} is indented deeper than line {before + 1}, which has a value; indent both alike"
    return KEYLESS.format(line=before + 1)


def _find_unreadable(text: str) -> Iterator[str]:
    """Yield a message for each value that looks like a date or a number but is none."""
    for token in yaml.scan(text):
        if isinstance(token, yaml.ScalarToken) and token.plain:
            try:
                yaml.safe_load(token.value)
            except ValueError as error:
                yield f"line {token.start_mark.line + 1}: {token.value} cannot be read ({error}); put it in quotes"


class _Pairs(list):
    """An object of JSON as its keys and values in order, the repeated ones too."""


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


def _search_numbers(root: yaml.Node | None) -> Iterator[str]:
    for path, node in walk_nodes(root):
        if isinstance(node, yaml.ScalarNode) and not node.style and _MISREAD.fullmatch(node.value):
            line, read = node.start_mark.line + 1, yaml.safe_load(node.value)
            remedy = f"write {read}, or another number, or quote it"
            yield f"line {line}: {path}: YAML reads {node.value} as {read}; {remedy}"


def _hint(file: Path) -> str:
    """Name the file in `config/` that is probably meant."""
    meant = Path("config", file.name).with_suffix(".yaml")
    return f", such as {meant}" if meant.is_file() and meant != file else ""
