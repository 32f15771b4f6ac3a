"""Read what arms were given on the command line: `base=a/samples_*.jsonl tuned=b1/s.jsonl,b2/s.jsonl`."""

import glob
import re
from pathlib import Path

from tunelab.errors import UserError
from tunelab.logs.log import Log
from tunelab.logs.reading import read_logs

EXAMPLE = 'FILES="base=a/samples_gsm8k_*.jsonl tuned=b1/samples_gsm8k_*.jsonl,b2/samples_gsm8k_*.jsonl"'
_NAME = re.compile(r"[^\W_][\w .+-]{0,59}")
# words are divided at blanks, but for those after a backslash
_WORDS = re.compile(r"(?:\\ |\S)+")


def read_arms(files: str) -> dict[str, list[Log]]:
    """Read the logs of every arm, in the order in which arms and files were given.

    Raises:
        UserError: if the text names no two arms, a file is not there, or a log cannot be read.
    """
    paths = {arm: find_files(arm, patterns) for arm, patterns in split_arms(files).items()}
    return {arm: [log for path in own for log in read_logs(path)] for arm, own in paths.items()}


def split_arms(files: str) -> dict[str, list[str]]:
    """Split the text into arms and their patterns; an arm that is named again gets the files of both.

    Raises:
        UserError: for text that is not NAME=FILE, and if there are fewer than two arms.
    """
    arms: dict[str, list[str]] = {}
    for word in _WORDS.findall(files):
        name, equals, patterns = word.replace("\\ ", " ").partition("=")
        if not equals or not patterns.strip(",") or not _NAME.fullmatch(name):
            raise UserError(f"FILES: '{word}' is no arm. Write NAME=FILE, like {EXAMPLE}.")
        arms.setdefault(name, []).extend(filter(None, patterns.split(",")))
    if len(arms) < 2:
        named = f"only {next(iter(arms))}" if arms else "no arm"
        raise UserError(f"FILES names {named}; a comparison takes two arms or more, like {EXAMPLE}.")
    return arms


def find_files(arm: str, patterns: list[str]) -> list[Path]:
    """Find the files of an arm; `*`, `?`, `[…]` and `**` stand for what they do in a shell.

    Raises:
        UserError: if a pattern finds nothing, or finds a file that another one found.
    """
    found: list[Path] = []
    for pattern in patterns:
        typed = str(Path(pattern).expanduser())
        matches = [typed] if Path(typed).exists() else sorted(glob.glob(typed, recursive=True))
        paths = list(map(Path, matches))
        if not paths:
            raise UserError(f"FILES: {arm}={pattern} finds no file. Check the path, seen from this folder.")
        for path in paths:
            if any(path.samefile(other) for other in found):
                raise UserError(f"FILES: {arm} has {path} twice. Each file of an arm stands for a training of its own.")
            found.append(path)
    return found
