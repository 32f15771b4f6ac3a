"""Lines one below the other, and on a terminal a few more below them that are drawn anew again and again.

The cursor waits at the first of these, so that whatever else is written there, by whomever, pushes them down and is
not lost; it is never hidden, since a killed process could not bring it back.
"""

import os
from typing import TextIO

ERASE = "\r\x1b[J"
WRAP, NO_WRAP = "\x1b[?7h", "\x1b[?7l"
RED, PLAIN = "\x1b[31m", "\x1b[0m"
MARGIN = 2  # rows of the terminal that are left to what stands above
USUAL_SIZE = (80, 24)  # of a terminal that does not know its own


class Screen:
    def __init__(self, stream: TextIO, live: bool, colours: bool) -> None:
        self._stream, self.live, self._colours = stream, live, colours
        self._drawn = False

    def write(self, text: str, alarm: bool = False) -> None:
        """Add lines that stay."""
        self.erase()
        self._put(f"{RED}{text}{PLAIN}\n" if alarm and self._colours else f"{text}\n")

    def draw(self, lines: list[str]) -> None:
        """Show these lines below all others, in the place of those drawn before; nothing where that cannot be done."""
        if not self.live:
            return
        columns, rows = (known or usual for known, usual in zip(self._measure(), USUAL_SIZE, strict=True))
        if len(lines) > (most := max(rows - MARGIN, 1)):
            lines = [*lines[: most - 1], f"… and {len(lines) - most + 1} more"]
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._put(ERASE + NO_WRAP + "\n".join(line[: columns - 1] for line in lines) + WRAP + up + "\r")
        self._drawn = True

    def erase(self) -> None:
        """Take away what was drawn."""
        if self._drawn:
            self._put(ERASE)
            self._drawn = False

    def _measure(self) -> tuple[int, int]:
        return os.get_terminal_size(self._stream.fileno())

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
