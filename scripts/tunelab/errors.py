"""The one exception that stands for a mistake of the user, shown as a sentence and never as a traceback."""

# characters of a line of a message: where it begins (what and where) and ends (the remedy) say most
HEAD, TAIL = 400, 150


class UserError(Exception):
    """Say what is wrong, where (config key, or file and row), with which value, and how to mend it.

    Values are shortened where they are named; whatever text of any length is repeated all the same, a name, a path or
    what a library said, loses its middle here.
    """

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(map(_cut, message.split("\n"))))


def _cut(line: str) -> str:
    return line if len(line) <= HEAD + TAIL else f"{line[:HEAD]} … {line[-TAIL:]}"
