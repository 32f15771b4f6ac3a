"""Show every text on every console, in signs that its encoding has, for as long as someone reads it."""

import codecs
import io
import os
import sys
from typing import Any

# the signs of this project's own messages; anything else that is lacking is escaped
PLAIN = {
    "\u202f": " ",
    "…": "...",
    "━": "=",
    "┈": "-",
    "·": "-",
    "–": "-",
    "−": "-",
    "→": "->",
    "×": "x",
    "’": "'",
}


def accept_all_text() -> None:
    """Have stdout and stderr keep their encoding and print what it lacks in plain signs, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test may have another
            stream.reconfigure(errors=_write_plain.__name__)


def outlive_readers() -> None:
    """Have a program go on when nobody reads what it prints any more (`make plan | head`), and end as it would have."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.flush()
            content = io.BufferedWriter(_Unread(stream.fileno(), "w", closefd=False))
            how = {"encoding": stream.encoding, "errors": stream.errors, "line_buffering": stream.line_buffering}
            setattr(sys, name, io.TextIOWrapper(content, **how))


class _Unread(io.FileIO):
    """A stream that leads nowhere once its reader is gone, for the programs that are started later as well."""

    def write(self, content: Any) -> int | None:
        try:
            return super().write(content)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(content)


def _write_plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    signs = [PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in lacking]
    return "".join(signs), error.end


codecs.register_error(_write_plain.__name__, _write_plain)
