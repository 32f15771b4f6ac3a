"""List what no config refers to any more, with sizes, and remove it after asking.

A tool for people, not a stage:  make clean-stale [CONFIG=config/mine.yaml] [YES=1]
Configs are config/config.yaml, every overlay beside it, and those named besides. Runs, seeds and tasks that are defined
but not selected count as referred to. Without a terminal to ask on, and without YES, it only lists.
"""

import contextlib
import sys
from pathlib import Path

from tunelab.jobs.working_folder import claimed_folder
from tunelab.reporting.notation import format_bytes
from tunelab.upkeep.overlays import DEFAULT, read_config
from tunelab.upkeep.stale import list_stale, measure_bytes, measure_freed, remove_tree
from tunelab.upkeep.tools import build_parser, run_as_tool
from tunelab.values import list_names


def main(configfile: list[Path], yes: bool) -> int:
    beside = [file for file in sorted(DEFAULT.parent.glob("*.yaml")) if file != DEFAULT]
    configs = [read_config(overlays) for overlays in ([], *([file] for file in beside), configfile)]
    files = [DEFAULT, *beside, *configfile]
    removing = yes or sys.stdin.isatty()
    with claimed_folder("make clean-stale") if removing else contextlib.nullcontext():
        stale = list_stale(configs)
        paths = [path for found in stale for path in found.paths]
        for found in stale:
            more = f" and {len(found.paths) - 1} more files" if len(found.paths) > 1 else ""
            print(f"{format_bytes(measure_bytes(found.paths)):>10}  {found.paths[0]}{more}: {found.why}")
        if not stale:
            print("Nothing is stale: the configs refer to all that is here.")
            return 0
        print(f"Removing this frees {format_bytes(measure_freed(paths))}. No config refers to it, of these:")
        print(f"{list_names(files, quoted=False)}. Name one that lies elsewhere with CONFIG=.")
        if not removing:
            print("Nothing was removed, as there is no terminal to ask on; say YES=1 as well to remove it.")
        elif yes or input("Remove it? [y/N] ").strip().lower() in ("y", "yes"):
            for path in paths:
                remove_tree(path)
            print("Removed.")
        else:
            print("Nothing was removed.")
    return 0


if __name__ == "__main__":
    parser = build_parser(__doc__)
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    run_as_tool(main, parser)
