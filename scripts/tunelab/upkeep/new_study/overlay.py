"""Choose settings for a first study, render them as a commented overlay, and summarise them in a few sentences."""

import json
import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import yaml

from tunelab.config.formats import FORMATS
from tunelab.config.specs.sources import CHAT_FIELDS, ChatSettings
from tunelab.data.contamination import find_twins, read_row
from tunelab.upkeep.new_study.model import Chosen, Known, Lengths
from tunelab.upkeep.new_study.rows import Data
from tunelab.upkeep.power import FEW, TEST, describe_rows
from tunelab.values import cut, list_names

PASSES = 3  # over the training rows
BATCH = 8  # rows to an optimizer step
CGROUP = Path("/sys/fs/cgroup/memory.max")
LONG_ENOUGH = 60  # training steps; for fewer, drift and a second evaluation would take longer than the training
TEMPLATE = Path(__file__).with_name("overlay.yaml.j2")


class Machine(NamedTuple):
    """The GPU or CPU that trains, with its bytes of memory."""

    gpu: bool
    memory: int

    @property
    def word(self) -> str:
        return "GPU" if self.gpu else "machine"


class Settings(NamedTuple):
    """The numbers of the overlay."""

    max_steps: int
    batch_size: int
    accumulation: int
    warmup_steps: int
    eval_steps: int
    max_length: int
    max_new_tokens: int
    needed_memory: float | None  # bytes that a training of LoRA takes, roughly
    save_memory: bool

    def share_batch(self, method: str) -> tuple[int, int]:
        """Return the batch size and accumulation with which a preference method takes as many rows a step.

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

    On a CPU there are few steps and short rows and answers, so that a first study takes minutes.
    """
    most_steps, longest, most_new = (1000, 2048, 512) if machine.gpu else (60, 512, 128)
    positions = known.positions or 10**6  # not known
    row, prompt, answer = map(max, lengths[:3])
    if not lengths.measured:  # templates may add a system message; a limit that is too high costs nothing
        row, answer = max(256, 2 * row), max(64, 2 * answer)
    # a row whose prompt fills it has nothing to learn, which is an error
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


class Findings(NamedTuple):
    """All that the overlay is rendered from; `problem` says why the model cannot take these rows."""

    name: str
    title: str
    file: str
    dataset: str
    data: Data
    model: Chosen
    known: Known
    chat: ChatSettings
    chat_reason: str
    lengths: Lengths
    settings: Settings
    machine: Machine
    problem: str | None
    tune: bool


def render_overlay(found: Findings) -> str:
    """Render the overlay, with a comment on each assumption."""
    data, model, settings = found.data, found.model, found.settings
    chat = found.chat.model_dump(exclude_defaults=True)
    held = {split: len(examples) for split, examples in data.splits.items()}
    spec = {} if model.given else _drop_empty(model.spec.model_dump(mode="json", exclude=CHAT_FIELDS))
    rows = settings.max_steps * settings.batch_size * settings.accumulation
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"yaml": _write, "comment": _comment}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        found._asdict()
        | {
            "model": spec or chat,
            "spec": spec,
            "chat": chat,
            "model_name": model.name,
            "at_hand": found.known.folder is not None,
            "source": _drop_empty(data.source.model_dump(mode="json")),
            "guess": data.guess,
            "guessed": _describe_guess(data),
            "held": held,
            "resolution": f"{describe_rows(held['test'])}\n      # ({TEST})",
            "repeats": settings.max_steps > LONG_ENOUGH,
            "passes": f"{rows / held['train']:.2g}",
            "preferences": data.preferences,
            "maths": FORMATS[data.guess.format].rows == "numbers",
            "longest_row": _describe_longest(found.lengths.rows, found.lengths.measured),
            "longest_answer": _describe_longest(found.lengths.answers, found.lengths.measured),
        }
    )


def describe(found: Findings) -> Iterator[str]:
    """Yield a sentence about each finding, and about what could not be checked."""
    data, model = found.data, found.model
    yield f"Data: {data.rows} rows, {_describe_guess(data)}."
    if data.guess.unused:
        yield f"Columns that nothing reads: {list_names(data.guess.unused)}."
    if found.known.folder is None:
        yield (
            f"Model: {model.name} is not at hand, and nothing is fetched now. Its chat template, tokens and positions "
            "could not be looked at, so lengths are estimated; the study looks at them before it trains."
        )
    else:
        yield f"Model: {model.name}, {found.chat_reason}."
    yield from _describe_test(found)
    yield _describe_memory(found)
    longest, positions = max(found.lengths.prompts), found.known.positions
    if positions and longest + found.settings.max_new_tokens > positions:
        yield f"The longest prompt has {longest} tokens, and the model {positions} positions: leave such rows out."
    if found.problem:
        yield f"These rows do not go with the model yet: {found.problem}"


def _describe_test(found: Findings) -> Iterator[str]:
    """Yield what the test rows can show, and how many of them resemble training rows."""
    splits = found.data.splits
    test, train = ([read_row(list(example.messages)) for example in splits[name]] for name in ("test", "train"))
    few = f" Few, as {FEW} to 200 are usual: bring more rows if you can." if len(test) < FEW else ""
    yield f"Test: {len(test)} rows are held out. They show differences of {describe_rows(len(test))} ({TEST}).{few}"
    same, templated = (int(find_twins(test, train, masked)["both"].sum()) for masked in (False, True))
    if templated:
        beyond = f", {templated} if all numbers are read as the same (a template's rows)" if templated > same else ""
        yield (
            f"Twins: {same} of the {len(test)} test rows have a training row of nearly the same question and "
            f"answer{beyond}; there a run may remember what it says."
        )


def _describe_guess(data: Data) -> str:
    sure = "" if data.guess.sure else ", a guess"
    return f"read as {data.guess.format} from {list_names(data.guess.used)}{sure}"


def _describe_longest(lengths: list[int], measured: bool) -> str:
    return f"has {max(lengths)}" if measured else f"has about {max(lengths)}, by its letters"


def _describe_memory(found: Findings) -> str:
    machine, needed = found.machine, found.settings.needed_memory
    has = f"the {machine.word} has {machine.memory / 1e9:.1f} GB"
    if needed is None:
        return f"Memory: {has}; how large the model is, is not known."
    verdict = "enough" if needed < machine.memory else "too little, so choose a smaller model"
    return f"Memory: training takes about {needed / 1e9:.1f} GB, and {has}: {verdict}."


def _drop_empty(spec: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if value not in (None, [], {})}


def _write(value: Any) -> str:
    """Write a value as YAML for one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_write(key)}: {_write(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_write, value))}]"
    simple = isinstance(value, str) and value.isascii() and value.isidentifier()
    return value if simple and yaml.safe_load(value) == value else json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> str:
    return cut("".join(letter for letter in text if letter.isprintable()), 60)
