"""What a terminal shows, and that a file gets plain lines."""

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from tunelab.watching.running import ERASE, NO_WRAP, WRAP, Screen

MARK = "\x1e"


@pytest.fixture
def terminal():
    """A terminal of 20 columns and 6 rows: a stream into it, and a function that returns what was written."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 6, 20, 0, 0))
    with open(inner, "w", encoding="utf-8") as stream:

        def read():
            stream.write(MARK)  # a terminal hands on what it got in parts
            stream.flush()
            found = ""
            while not found.endswith(MARK):
                found += os.read(outer, 65536).decode()
            return found.removesuffix(MARK).replace("\r\n", "\n")

        yield stream, read
    os.close(outer)


def test_a_file_gets_lines_and_no_control_characters():
    stream = io.StringIO()
    screen = Screen(stream, live=False, colours=False)
    screen.write("begun")
    screen.draw(["a bar", "a job"])
    screen.erase()
    screen.write("failed", alarm=True)
    assert stream.getvalue() == "begun\nfailed\n"


def test_what_is_drawn_stands_below_the_cursor_and_goes_before_the_next_line(terminal):
    stream, read = terminal
    screen = Screen(stream, live=True, colours=True)
    screen.draw(["a bar", "a job"])
    assert read() == f"{ERASE}{NO_WRAP}a bar\na job{WRAP}\x1b[1A\r"
    screen.write("done")
    assert read() == f"{ERASE}done\n"
    screen.write("failed", alarm=True)
    assert read() == "\x1b[31mfailed\x1b[0m\n"


def test_one_line_does_not_move_the_cursor_up(terminal):
    stream, read = terminal
    Screen(stream, live=True, colours=True).draw(["a bar"])
    assert read() == f"{ERASE}{NO_WRAP}a bar{WRAP}\r"


def test_nothing_is_wider_or_higher_than_the_terminal(terminal):
    stream, read = terminal
    Screen(stream, live=True, colours=True).draw([f"{number} {'x' * 30}" for number in range(9)])
    lines = read().removeprefix(ERASE + NO_WRAP).split(WRAP)[0].split("\n")
    assert len(lines) == 4 and lines[-1] == "… and 6 more"
    assert max(map(len, lines)) == 19


def test_the_cursor_is_never_hidden(terminal):
    stream, read = terminal
    Screen(stream, live=True, colours=True).draw(["a bar", "a job"])
    assert "\x1b[?25l" not in read()
