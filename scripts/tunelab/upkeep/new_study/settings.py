"""Choose sensible settings for a first study by its rows and the machine."""

import os
from math import ceil
from pathlib import Path
from typing import NamedTuple

from tunelab.upkeep.new_study.model import Known
from tunelab.upkeep.new_study.talking import Lengths

PASSES = 3  # over the training rows
BATCH = 8  # rows to an optimizer step
CGROUP = Path("/sys/fs/cgroup/memory.max")


class Machine(NamedTuple):
    """What computes: a GPU or a CPU with so many bytes of memory."""

    gpu: bool
    memory: int

    @property
    def word(self) -> str:
        return "GPU" if self.gpu else "machine"


class Settings(NamedTuple):
    """Numbers of the overlay."""

    max_steps: int
    batch_size: int
    accumulation: int
    warmup_steps: int
    eval_steps: int
    max_length: int
    max_new_tokens: int
    needed_memory: float | None  # bytes for the weights and a training of LoRA, roughly
    save_memory: bool

    def share_batch(self, method: str) -> tuple[int, int]:
        """Return the batch size and the accumulation by which a method of preferences takes as many rows to a step.

        A pair is two answers, and a batch of KTO holds at least one of each label.
        """
        size = max(1, self.batch_size // 2) if method == "dpo" else max(2, self.batch_size)
        return size, max(1, self.batch_size * self.accumulation // size)


def find_machine() -> Machine:
    import torch

    if torch.cuda.is_available():
        return Machine(True, torch.cuda.get_device_properties(0).total_memory)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = CGROUP.read_text(encoding="ascii").strip() if CGROUP.is_file() else "max"
    return Machine(False, min(memory, int(limit)) if limit.isdigit() else memory)


def choose_settings(rows: int, lengths: Lengths, known: Known, machine: Machine) -> Settings:
    """Choose settings for a LoRA on so many training rows.

    On a CPU steps, lengths and answers are kept few, so that a first study takes minutes.
    """
    most_steps, longest, most_new = (1000, 2048, 512) if machine.gpu else (60, 512, 128)
    positions = known.positions or 10**6  # not known
    row, prompt, answer = map(max, lengths[:3])
    if not lengths.measured:  # templates may add a system message of their own; room that is not used costs nothing
        row, answer = max(256, 2 * row), max(64, 2 * answer)
    # a row whose prompt alone fills it would have nothing to learn, which is refused
    max_length = min(max(min(_round_up(row, 32), longest), _round_up(prompt + 1, 32)), positions)
    room = max(1, positions - prompt)
    batch = next(size for size in (8, 4, 2, 1) if size * max_length <= 4096 or size == 1)
    batch = min(batch, max(1, rows))
    steps = min(most_steps, max(4, ceil(PASSES * rows / BATCH)))
    weights = known.parameters * (2 if machine.gpu else 4) if known.parameters else None
    needed = weights * 1.5 + 1e9 if weights else None
    return Settings(
        max_steps=steps,
        batch_size=batch,
        accumulation=max(1, min(BATCH, rows) // batch),
        warmup_steps=steps // 10,
        eval_steps=max(1, steps // 4),
        max_length=max_length,
        max_new_tokens=min(_round_up(answer, 16), most_new, room),
        needed_memory=needed,
        save_memory=bool(needed) and needed > 0.5 * machine.memory,
    )


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step
