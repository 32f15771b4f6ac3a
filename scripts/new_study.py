"""Write the overlay of a first study of your own, by looking at your data and a model.

A tool for people, not a stage:  make new-study NAME=mine DATA=my.jsonl [MODEL=organisation/name] [TITLE=…]
                                    [QUESTION=column] [ANSWER=column] [TUNE=1]
It fetches nothing, asks nothing and writes over nothing.
"""

import os
from argparse import ArgumentParser

from tunelab.upkeep.new_study.columns import Named
from tunelab.upkeep.new_study.writing import write_study
from tunelab.upkeep.tools import run_as_tool


def main(
    name: str, model: str, data: str, title: str = "", question: str = "", answer: str = "", tune: bool = False
) -> int:
    file, sentences = write_study(name, model, data, title, Named(question, answer), tune)
    print(f"{file} is written.", *sentences, "Now:", sep="\n")
    print(f"  make plan CONFIG={file}", f"  make report CONFIG={file}", sep="\n")
    return 0


if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TRANSFORMERS_VERBOSITY="error")
    os.environ.update(TQDM_DISABLE="1")  # no bars, only what is found
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    for option in ("--name", "--model", "--data", "--title", "--question", "--answer"):
        parser.add_argument(option, default="")
    parser.add_argument("--tune", action="store_true", help="try several learning rates of each run first")
    run_as_tool(main, parser)
