"""Print the number of the look that is due, after which `make report` asks; nothing if none is.

A tool for people, not a stage.
"""

from pathlib import Path

from tunelab.config.study import Study
from tunelab.jobs.looks import find_progress, read_ledger
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool


def main(configfile: list[Path]) -> int:
    config = read_config(configfile)
    if due := find_progress(Study(config.describe_study()), read_ledger(config.study.results)).due:
        print(due)
    return 0


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
