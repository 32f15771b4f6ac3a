"""Show every text on every console: what its encoding lacks is written in signs that it has."""

import codecs
import io
import sys

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


def _write_plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    signs = [PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in lacking]
    return "".join(signs), error.end


codecs.register_error(_write_plain.__name__, _write_plain)
