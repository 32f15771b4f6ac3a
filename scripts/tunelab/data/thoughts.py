"""Divide answers into the thought that they begin with and the rest, by the marks of model families."""

from typing import NamedTuple


class Marks(NamedTuple):
    """The mark that opens a thought, and those that close it, the longer ones first."""

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
    """The parts of a text; `thought` is None if there is none, and blank if a template left it empty."""

    thought: str | None
    answer: str


def split_thought(text: str) -> Said:
    """Divide what a model wrote into its thought and the answer behind it, without the white space between them.

    If a thought does not end, the answer is empty. A closing mark without an opening one ends a thought too: the
    template may have opened it in the prompt.
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
    """Return the mark at the end of a prompt that opens a thought, with the white space after it, or ""."""
    ends = [opens for opens, _ in MARKS if prompt.rstrip().endswith(opens)]
    return prompt[prompt.rindex(ends[0]) :] if ends else ""
