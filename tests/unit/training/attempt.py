"""One attempt at a training, as a program that really is killed: the file it is given holds what `attempt` takes."""

import os
import pickle
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch
import train_distillation
import train_grpo
import train_preferences
import train_sft
from transformers import Trainer, TrainerCallback

from tunelab.config.specs.training import TrainingPlan
from tunelab.training import checkpoints, grpo, outcome, rollouts

END = 256  # the token that ends an answer
ASKED = {"terminated": signal.SIGTERM, "interrupted": signal.SIGINT}


def attempt(work: SimpleNamespace, folder: Path, kill: tuple[str, int] | None) -> None:
    """Train in this process, which kills itself at a moment that `set_trap` knows."""
    if work.scripted:
        rollouts.find_generate = lambda *ignored: (script_completions, "a script")
    grpo.build_reward_functions = lambda spec: ([reward_length], [1.0])
    evaluate = Trainer.evaluation_loop

    def favour_step_2(self, *others, **also):
        output = evaluate(self, *others, **also)
        output.metrics["eval_loss"] += 100 * (self.state.global_step != 2)
        return output

    Trainer.evaluation_loop = favour_step_2
    if kill:
        set_trap(*kill)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)  # as Snakemake does before a job
    files = {"settings": [], "consumed": []} | {
        name: folder / name for name in ("history", "summary", "tensorboard", "points", "checkpoints")
    }
    files |= {
        "card": work.base.parent / "card.json",
        "precision": work.base.parent / "precision.json",
        "template": work.base.parent / "chat_template.jinja",
        "train": work.train,
        "weights": folder / work.kind / "weights",
    }
    if work.spec.method == "sft":
        main = partial(train_sft.main, validation=work.validation, start=work.start)
    elif work.spec.method in ("dpo", "kto"):
        main = partial(train_preferences.main, start=work.start)
    elif work.spec.method == "distillation":
        main = partial(train_distillation.main, start=work.start, teacher_card=files["card"], teacher=work.teacher)
    else:
        main = partial(train_grpo.main, start=work.start, completions=folder / "completions")
    main(**files, seed="3", spec=work.spec, plan=TrainingPlan(work.saving, budget=work.budget))


def set_trap(moment: str, step: int) -> None:
    """Have this process kill itself: before or while it takes the step after `step`, or while it saves `step`.

    Or it is asked to stop while it takes the step after `step`.
    """

    def die(*ignored):
        os.kill(os.getpid(), ASKED.get(moment, signal.SIGKILL))

    class Trap(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == step:
                die()

    if moment in ("step", *ASKED):
        add = Trainer.add_callback
        Trainer.add_callback = lambda self, callback: (add(self, callback), add(self, Trap))
    elif moment == "writing":  # weights and optimizer are there, the rest is not
        save = Trainer._save_rng_state
        Trainer._save_rng_state = lambda self, to: die() if self.state.global_step == step else save(self, to)
    elif moment == "marking":  # everything is there, and the mark as well, but not under its name yet
        replace, mark = Path.replace, (f"checkpoint-{step}", checkpoints.STATE)
        Path.replace = lambda self, target: die() if Path(target).parts[-2:] == mark else replace(self, target)
    elif moment == "publishing":
        outcome.publish_events = die
    elif moment == "never":  # the trainer alone, as it would be without all this
        Trainer.add_callback = lambda self, callback: None


def script_completions(input_ids, **ignored):
    """Answer each row by its place among those of all processes: one to three letters, and the end token."""
    first = int(os.environ.get("RANK", 0)) * len(input_ids)
    answers = [[97 + place % 5] * (1 + place % 3) for place in range(first, first + len(input_ids))]
    ids = [[*answer, *[END] * (4 - len(answer))] for answer in answers]
    return torch.cat([input_ids, torch.tensor(ids)], 1)


def reward_length(prompts, completions, **others):
    return [float(len(turns[0]["content"])) for turns in completions]


if __name__ == "__main__":
    attempt(*pickle.loads(Path(sys.argv[1]).read_bytes()))
