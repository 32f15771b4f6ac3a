"""Print any text on any console: replace what its encoding lacks, and go on when nobody reads it any more."""

import codecs
import io
import os
import sys
from typing import Any

# replacements for what this project's own messages use; anything else is escaped
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
    """Make stdout and stderr replace characters that their encoding lacks by plain ones, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a test may have another
            stream.reconfigure(errors=_write_plain.__name__)


def outlive_readers() -> None:
    """Let a program go on, and end as usual, when nobody reads its output any more (`make plan | head`)."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.flush()
            content = io.BufferedWriter(_Unread(stream.fileno(), "w", closefd=False))
            how = {"encoding": stream.encoding, "errors": stream.errors, "line_buffering": stream.line_buffering}
            setattr(sys, name, io.TextIOWrapper(content, **how))


class _Unread(io.FileIO):
    """A stream that discards its text once its reader is gone, also for programs that are started later."""

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
