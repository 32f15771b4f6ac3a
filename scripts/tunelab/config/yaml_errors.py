"""Say in plain words where a text is no YAML, why, and how to mend it; the libraries tell of tokens and block ends."""

import re
from collections.abc import Iterator

import yaml

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
