"""Answers that begin with a thought: where it ends, by the marks that models and chat templates put around it."""

from typing import NamedTuple


class Marks(NamedTuple):
    """What stands before a thought, and the ways in which it ends, of which the longer one comes first."""

    opens: str
    closes: tuple[str, ...]


MARKS = (
    Marks("<think>", ("</think>",)),  # Qwen, DeepSeek, GLM, LFM, Nemotron, SmolLM
    Marks("<seed:think>", ("</seed:think>",)),  # Seed-OSS
    Marks("[THINK]", ("[/THINK]",)),  # Magistral
    Marks("<|START_THINKING|>", ("<|END_THINKING|>",)),  # Command A Reasoning
    Marks("<|channel>thought", ("<channel|>",)),  # Gemma 4
    Marks(  # gpt-oss
        "<|channel|>analysis<|message|>",
        ("<|end|><|start|>assistant<|channel|>final<|message|>", "<|channel|>final<|message|>"),
    ),
    Marks(  # Muse Glimmer
        "to=self<|message|>", ("<|eom|><|start|>assistant to=user<|message|>", "to=user<|message|>")
    ),
)


class Said(NamedTuple):
    """A text's parts; `thought` is None where it has none, and blank where a template left it empty."""

    thought: str | None
    answer: str


def split_thought(text: str) -> Said:
    """Divide what a model wrote into the thought that it begins with and the answer, which begins without white space.

    A thought that does not end leaves no answer. A mark that closes without one that opens ends a thought that the
    template had opened, or one that was left out.
    """
    begun = text.lstrip()
    for opens, closes in MARKS:
        opened = begun.startswith(opens)
        ends = [(begun.find(mark), mark) for mark in closes if mark in begun]
        if not opened and (not ends or opens in begun):
            continue
        end, mark = min(ends, default=(len(begun), ""))
        return Said(begun[len(opens) if opened else 0 : end], begun[end + len(mark) :].lstrip())
    return Said(None, begun)


def find_opened(prompt: str) -> str:
    """Return the mark with which a prompt's end opens a thought, and the white space after it; "" if it opens none."""
    ends = [opens for opens, _ in MARKS if prompt.rstrip().endswith(opens)]
    return prompt[prompt.rindex(ends[0]) :] if ends else ""
