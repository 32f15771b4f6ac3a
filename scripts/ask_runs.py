"""Ask runs of a study a question of your own: the untouched model and all runs side by side, or one run.

A tool for people, not a stage:  make ask Q="..." [RUN=lora] [TASK=support] [CONFIG=config/blog.yaml]
The question is put as the task's questions are: same system message, same chat template.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

import yaml
from snakemake.utils import update_config

from tunelab.config import Config, load_config
from tunelab.errors import UserError
from tunelab.formats import find_system

# the blog's own try-out: nearly greedy, long enough for a full answer
GENERATION = {"max_new_tokens": 256, "do_sample": True, "temperature": 0.01}


def main(configfile: Path | None, run: str | None, task: str | None, question: str) -> None:
    config = read_config([Path("config/config.yaml"), *([configfile] if configfile else [])])
    from tunelab.asking import ask

    names = [run] if run else list(config.study.runs)
    unknown = [name for name in names if name not in config.runs]
    if unknown:
        raise UserError(f"RUN: there is no run {unknown[0]!r}; the study has {', '.join(config.study.runs)}.")
    system = find_system(config.datasets[config.tasks[task or config.study.tasks[0]].dataset].prepare)
    for name in names:
        print(f"\n{config.runs[name].label}:\n{ask(config, name, system, question, GENERATION)}", flush=True)


def read_config(files: list[Path]) -> Config:
    """Merge config files as Snakemake does and validate the result."""
    merged: dict = {}
    for file in files:
        update_config(merged, yaml.safe_load(file.read_text(encoding="utf-8")))
    return load_config(merged, str(files[-1]))


if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    os.environ.update(TRANSFORMERS_VERBOSITY="error", TQDM_DISABLE="1")  # answers only
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("question")
    parser.add_argument("--configfile", type=Path)
    parser.add_argument("--run")
    parser.add_argument("--task")
    options = parser.parse_args()
    try:
        main(options.configfile, options.run, options.task, options.question)
    except UserError as error:
        sys.exit(f"Error: {error}")
