"""Share what all commands do: parse arguments, return an exit code, and print a user's mistake as a sentence."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tunelab.errors import UserError
from tunelab.files import explain_forbidden
from tunelab.jobs.console import accept_all_text, outlive_readers

INTERRUPTED = 130  # what shells report after Ctrl-C; Ctrl-D at a question means the same


def build_parser(description: str) -> ArgumentParser:
    """Start a command's parser, with the option that nearly all of them have."""
    parser = ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays on config/config.yaml")
    return parser


def run_as_tool(main: Callable[..., int], parser: ArgumentParser) -> NoReturn:
    """Call `main` with the parsed arguments and exit with the code that it returns."""
    outlive_readers()
    accept_all_text()
    try:
        sys.exit(main(**vars(parser.parse_args())))
    except UserError as error:
        sys.exit(f"Error: {error}")
    except PermissionError as error:
        if not error.filename:  # not about a file
            raise
        sys.exit(f"Error: {explain_forbidden(error.filename, error.strerror)}")
    except (KeyboardInterrupt, EOFError):
        sys.exit(INTERRUPTED)
