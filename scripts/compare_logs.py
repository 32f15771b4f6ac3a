"""Compare evaluation logs of other tools item by item: page, numbers and tables, without any training.

A tool for people, not a stage:  make compare FILES="base=a/samples_gsm8k_*.jsonl tuned=b1/s.jsonl,b2/s.jsonl"
                          [NAME=compare] [TASKS=gsm8k] [METRICS=exact_match] [CONFIG=labels.yaml]
"""

from argparse import ArgumentParser
from pathlib import Path

from tunelab.upkeep.log_comparison import compare_logs, tell_verdicts
from tunelab.upkeep.tools import run_as_tool


def main(files: str, name: str, metrics: str, tasks: str, configfile: list[Path]) -> int:
    wanted, asked = ([part for part in typed.split(",") if part] for typed in (metrics, tasks))
    study, found = compare_logs(files, name, wanted, asked, configfile)
    print(*tell_verdicts(study, found), sep="\n")
    return 0


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", default="", help="arms and their logs: NAME=FILE,FILE NAME=FILE")
    parser.add_argument("--name", default="compare", help="folder below results/")
    parser.add_argument("--tasks", default="", help="tasks to compare, with commas between them; all if left out")
    parser.add_argument("--metrics", default="", help="metrics to compare, with commas between them; all if left out")
    parser.add_argument(
        "--configfile", type=Path, nargs="+", default=[], help="overlays with labels, contrasts, margins"
    )
    run_as_tool(main, parser)
