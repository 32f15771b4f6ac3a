"""Say of overlays that cannot be read which it is and why, since Snakemake names neither file nor line.

A tool for people, not a stage; `make report` begins with it.
"""

from pathlib import Path

from tunelab.config.documents import read_document
from tunelab.upkeep.tools import build_parser, run_as_tool


def main(configfile: list[Path]) -> int:
    for file in configfile:
        read_document(file)
    return 0


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
