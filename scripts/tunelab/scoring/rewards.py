"""Reward answers to GSM8K in the blog's XML format: five rewards, in two sets. The evaluation scores by them too.

`legacy` is the blog's code, unchanged. It pays a bare `72` 2.5 of 3.5 reachable points (4.0 by its own sums, but
its two format rewards exclude each other), charges the natural ending at `</answer>` 0.05, and pays reasoning of
two lines less than of one. One difference remains: the right answers that it is given are normalised already, where
the blog's kept their commas.

`fixed` differs from it as follows:
- correctness: the answer must stand in `<answer>` tags (the last such block counts) and is compared as a number, so
  `1,000`, `$1000` and `1000.0` are the same; the blog takes the whole text where there are no tags, and compares
  strings.
- integer: the answer must be tagged; commas and signs are allowed, `²` is not a digit.
- strict_format: dots match newlines, so reasoning may have many lines; each block stands once; white space after
  `</answer>` is free, none included.
- soft_format: dots match newlines and white space may come first, so whatever earns strict_format earns this too.
- xml_count: only text after the last `</answer>` costs anything, and at most what that tag has earned; the blog takes
  a thousandth for every character of the whole completion where its closing pattern is missing.

`random` belongs to no set: it pays by the toss of a coin, and is for control runs. A gain that it brings as well was
not learnt from the rewards (Spurious Rewards, arXiv:2506.10947).
"""

import random
import re
from collections.abc import Callable, Iterable

from tunelab.config.specs.training import Rewards
from tunelab.data.thoughts import split_thought
from tunelab.numbers import is_equal_number, normalise_number
from tunelab.scoring.own_functions import Scorer, build_scorer

Reward = Callable[[str, str], float]

# Content of a block: anything but one of the format's own tags, so that a match never reaches into the next block.
_INSIDE = r"(?:(?!</?(?:reasoning|answer)>).)*"
_STRICT = re.compile(rf"<reasoning>\n{_INSIDE}\n</reasoning>\n<answer>\n{_INSIDE}\n</answer>\s*", re.DOTALL)
_SOFT = re.compile(rf"\s*<reasoning>{_INSIDE}</reasoning>\s*<answer>{_INSIDE}</answer>", re.DOTALL)
_TAGGED = re.compile(rf"<answer>({_INSIDE})</answer>", re.DOTALL)
_COUNTED = ("<reasoning>\n", "\n</reasoning>\n", "\n<answer>\n")


def find_tagged_answer(completion: str) -> str | None:
    """Return the text of the last complete `<answer>` block that is not blank, or None."""
    answers = [found.strip() for found in _TAGGED.findall(completion)]
    return answers[-1] or None if answers else None


def _correctness(completion: str, answer: str) -> float:
    return 2.0 if is_equal_number(find_tagged_answer(completion), answer) else 0.0


def _integer(completion: str, answer: str) -> float:
    number = normalise_number(find_tagged_answer(completion) or "")
    return 0.5 if number is not None and "." not in number else 0.0


def _strict_format(completion: str, answer: str) -> float:
    return 0.5 if _STRICT.fullmatch(completion) else 0.0


def _soft_format(completion: str, answer: str) -> float:
    return 0.5 if _SOFT.match(completion) else 0.0


def _xml_count(completion: str, answer: str) -> float:
    count = 0.125 * sum(completion.count(piece) == 1 for piece in _COUNTED)
    if completion.count("\n</answer>") == 1:
        count += max(0.0, 0.125 - 0.001 * len(completion.rpartition("</answer>")[2].strip()))
    return count


def _extract_legacy_answer(completion: str) -> str:
    return completion.split("<answer>")[-1].split("</answer>")[0].strip()


def _legacy_correctness(completion: str, answer: str) -> float:
    return 2.0 if _extract_legacy_answer(completion) == answer else 0.0


def _legacy_integer(completion: str, answer: str) -> float:
    return 0.5 if _extract_legacy_answer(completion).isdigit() else 0.0


def _legacy_strict_format(completion: str, answer: str) -> float:
    pattern = r"^<reasoning>\n.*?\n</reasoning>\n<answer>\n.*?\n</answer>\n$"
    return 0.5 if re.match(pattern, completion) else 0.0


def _legacy_soft_format(completion: str, answer: str) -> float:
    pattern = r"<reasoning>.*?</reasoning>\s*<answer>.*?</answer>"
    return 0.5 if re.match(pattern, completion) else 0.0


def _legacy_xml_count(completion: str, answer: str) -> float:
    count = 0.0
    if completion.count("<reasoning>\n") == 1:
        count += 0.125
    if completion.count("\n</reasoning>\n") == 1:
        count += 0.125
    if completion.count("\n<answer>\n") == 1:
        count += 0.125
        count -= len(completion.split("\n</answer>\n")[-1]) * 0.001
    if completion.count("\n</answer>") == 1:
        count += 0.125
        count -= (len(completion.split("\n</answer>")[-1]) - 1) * 0.001
    return count


REWARDS: dict[str, dict[str, Reward]] = {
    "fixed": {
        "correctness": _correctness,
        "integer": _integer,
        "strict_format": _strict_format,
        "soft_format": _soft_format,
        "xml_count": _xml_count,
    },
    "legacy": {
        "correctness": _legacy_correctness,
        "integer": _legacy_integer,
        "strict_format": _legacy_strict_format,
        "soft_format": _legacy_soft_format,
        "xml_count": _legacy_xml_count,
    },
}


def _toss_coin(completion: str, answer: str) -> float:
    # Python's own generator, which the trainer seeds and checkpoints
    return float(random.random() < 0.5)


CONTROLS: dict[str, Reward] = {"random": _toss_coin}


def is_right(completion: str, answer: str, rewards: str) -> bool:
    """Tell whether a completion is right as a set of rewards has it, `fixed` or `legacy`."""
    return REWARDS[rewards]["correctness"](split_thought(completion).answer, answer) > 0


def build_reward_functions(spec: Rewards) -> tuple[list[Scorer], list[float]]:
    """Build GRPOTrainer's `reward_funcs` and GRPOConfig's `reward_weights`, in the order of the config.

    The column `answer` holds the right number, `row` what `describe_row` writes of a row, and completions are
    conversations of one message. A function of the user's may return None, which is left out of the sum.
    """
    own, known = spec.functions, REWARDS[spec.set] | CONTROLS
    functions = [
        build_scorer(name, own[name]) if name in own else _wrap_for_trainer(name, known[name]) for name in spec.weights
    ]
    return functions, list(spec.weights.values())


def add_rewards(parts: Iterable[float | None], weights: Iterable[float]) -> float | None:
    """Sum the weighted rewards that apply; None if none applies, as in TRL."""
    applying = [weight * part for weight, part in zip(weights, parts, strict=True) if part is not None]
    return sum(applying) if applying else None


def _wrap_for_trainer(name: str, reward: Reward) -> Callable[..., list[float]]:
    """Give a reward the signature and the name that the trainer and its logs expect."""

    def score_batch(prompts: list, completions: list[list[dict]], answer: list[str], **kwargs: object) -> list[float]:
        return [
            reward(split_thought(turns[0]["content"]).answer, gold)
            for turns, gold in zip(completions, answer, strict=True)
        ]

    score_batch.__name__ = name
    return score_batch
