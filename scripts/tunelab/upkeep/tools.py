"""What the scripts for people share: arguments in, an exit code out, and a sentence for a mistake of the user."""

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
    """Start a tool's parser with the option that all of them have."""
    parser = ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays on config/config.yaml")
    return parser


def run_as_tool(main: Callable[..., int], parser: ArgumentParser) -> NoReturn:
    """Call `main` with the parsed arguments and leave with the code that it returns."""
    outlive_readers()
    accept_all_text()
    try:
        sys.exit(main(**vars(parser.parse_args())))
    except UserError as error:
        sys.exit(f"Error: {error}")
    except PermissionError as error:
        if not error.filename:  # of something else than a file
            raise
        sys.exit(f"Error: {explain_forbidden(error.filename, error.strerror)}")
    except (KeyboardInterrupt, EOFError):
        sys.exit(INTERRUPTED)
