"""Define the exception for a user's mistake, which is shown as a sentence and never as a traceback."""

# characters that are kept of a line: its beginning says what and where, its end how to fix it
HEAD, TAIL = 400, 150


class UserError(Exception):
    """A message that says what is wrong, where (config key, or file and row), with which value, and how to fix it.

    Values are shortened where the message is written; other long texts (names, paths, messages of libraries) lose
    their middle here.
    """

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(map(_cut, message.split("\n"))))


def _cut(line: str) -> str:
    return line if len(line) <= HEAD + TAIL else f"{line[:HEAD]} … {line[-TAIL:]}"
