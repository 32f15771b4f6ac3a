"""Tell how far the study of this folder is: what is done, running, waiting and failed.

A tool for people, not a stage:  make status
It reads files alone, so it may be asked from any terminal, also while the study runs on a cluster.
"""

import time
from argparse import ArgumentParser

from tunelab.upkeep.tools import run_as_tool
from tunelab.watching.status import read_progress, render_status


def main() -> int:
    print(render_status(read_progress(), time.time()))
    return 0


if __name__ == "__main__":
    run_as_tool(main, ArgumentParser(description=__doc__.splitlines()[0]))
