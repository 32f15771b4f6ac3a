"""Ask runs of a study a question of your own: the untouched model and all runs side by side, or one run.

A tool for people, not a stage:  make ask Q="..." [RUN=lora] [TASK=support] [CONFIG=config/blog.yaml]
The question is put as the task's questions are: same system message, same chat template.
"""

import os
import warnings
from pathlib import Path

from tunelab.data.formats import find_system
from tunelab.errors import UserError
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool
from tunelab.values import has_surrogates, is_blank, list_names, shorten

# the blog's own try-out: nearly greedy, long enough for a full answer
GENERATION = {"max_new_tokens": 256, "do_sample": True, "temperature": 0.01}


def main(configfile: list[Path], run: str | None, task: str | None, question: str) -> int:
    config = read_config(configfile)
    if is_blank(question):
        raise UserError('Q: there is no question; type one, as in make ask Q="Why is the sky blue?".')
    if has_surrogates(question):
        raise UserError(f"Q: the question has signs that are no UTF-8 ({shorten(question)}); use a UTF-8 terminal.")
    if run and run not in config.runs:
        known = list_names(config.study.runs, quoted=False)
        raise UserError(f"RUN: there is no run {shorten(run)}; the study has {known}.")
    if task and task not in config.tasks:
        known = list_names(config.study.tasks, quoted=False)
        raise UserError(f"TASK: there is no task {shorten(task)}; the study has {known}.")
    from tunelab.evaluation.asking import ask

    names = [run] if run else list(config.study.runs)
    system = find_system(config.datasets[config.tasks[task or config.study.tasks[0]].dataset].prepare)
    for name in names:
        print(f"\n{config.runs[name].label}:\n{ask(config, name, system, question, GENERATION)}", flush=True)
    return 0


if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    os.environ.update(TRANSFORMERS_VERBOSITY="error", TQDM_DISABLE="1")  # answers only
    warnings.simplefilter("ignore")
    parser = build_parser(__doc__)
    parser.add_argument("--run")
    parser.add_argument("--task")
    parser.add_argument("question")
    run_as_tool(main, parser)
