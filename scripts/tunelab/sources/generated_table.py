"""Generate a data set of grade-school word problems in GSM8K's format, from a seed.

An answer has one worked step per line with GSM8K's calculator note (`<<48/2=24>>`), then `#### 24`. Unlike GSM8K's, the
problems are short chains of operations on one quantity with small whole numbers, so that a very small model can learn
them. They show what a method does; how well a model reasons they do not tell.
"""

import random
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from tunelab.config.specs.sources import GeneratedDataset
from tunelab.errors import UserError

NAMES = ("Tom", "Mia", "Ben", "Ana", "Leo", "Zoe", "Sam", "Eva", "Max", "Ida", "Omar", "Lin")
FACTORS = (2, 3, 4, 5)
TRIES_PER_ROW = 50
TIMES = {2: "twice", 3: "three times", 4: "four times", 5: "five times"}


@dataclass(frozen=True)
class Story:
    """Wordings for one quantity; `tell` has the possible sentences of each operation."""

    things: tuple[str, ...]
    opening: str
    tell: dict[str, tuple[str, ...]]
    question: str


STORIES = (
    Story(
        things=("apples", "marbles", "stickers", "shells", "cards", "pencils", "coins", "stamps"),
        opening="{name} has {n} {thing}.",
        tell={
            "+": ("{name} buys {n} more.", "A friend gives {name} {n} more.", "{name} finds {n} more."),
            "-": ("{name} gives {n} of them away.", "{name} loses {n} of them.", "{name} sells {n} of them."),
            "*": ("Then {name} swaps them for {times} as many.",),
            "/": ("{name} shares them equally between {n} boxes and keeps one box.",),
        },
        question="How many {thing} does {name} have now?",
    ),
    Story(
        things=("passengers", "children", "tourists"),
        opening="A bus leaves with {n} {thing}.",
        tell={
            "+": ("At the next stop {n} get on.", "Then {n} more get on."),
            "-": ("At the next stop {n} get off.", "Then {n} of them get off."),
            "*": ("At the market there are soon {times} as many on board.",),
            "/": ("They split equally over {n} buses, and we follow one of them.",),
        },
        question="How many {thing} are on the bus now?",
    ),
    Story(
        things=("cakes", "rolls", "pies", "muffins"),
        opening="{name} bakes {n} {thing}.",
        tell={
            "+": ("{name} bakes {n} more.", "A helper brings {n} more."),
            "-": ("{name} sells {n} of them.", "The guests eat {n} of them."),
            "*": ("After a busy morning {name} has {times} as many.",),
            "/": ("{name} puts the same number on each of {n} trays and takes one tray along.",),
        },
        question="How many {thing} does {name} have in the end?",
    ),
    Story(
        things=("dollars", "tokens", "points"),
        opening="{name} starts a game with {n} {thing}.",
        tell={
            "+": ("{name} wins {n} {thing}.", "{name} gets {n} {thing} more."),
            "-": ("{name} loses {n} {thing}.", "{name} pays {n} {thing}."),
            "*": ("A lucky card gives {name} {times} as many.",),
            "/": ("{name} divides them equally among {n} players, {name} being one.",),
        },
        question="How many {thing} does {name} hold at the end?",
    ),
)


def fetch(spec: GeneratedDataset, key: str, work: Path, folder: Path) -> tuple[dict[str, Dataset], dict]:
    """Return the splits "train" and "test"."""
    train, test = generate_problems(spec, key)
    return {"train": Dataset.from_list(train), "test": Dataset.from_list(test)}, {}


def generate_problems(spec: GeneratedDataset, key: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return train and test rows with `question` and `answer`.

    No two rows have the same numbers and operations in the same order, so no test problem is a training problem with
    another name in it.

    Args:
        key: the config key of `spec`, for messages.

    Raises:
        UserError: if there are too few different problems.
    """
    rng = random.Random(spec.seed)
    wanted = spec.rows + spec.test_rows
    chains: dict[tuple, None] = {}
    for _ in range(TRIES_PER_ROW * wanted):
        if len(chains) == wanted:
            break
        chains[draw_chain(rng, spec)] = None
    if len(chains) < wanted:
        raise UserError(
            f"{key}.rows and test_rows ask for {wanted} different sums, but only about {len(chains)} were found "
            f"with {spec.min_steps} to {spec.max_steps} steps and numbers up to {spec.largest_number}. Ask for fewer "
            "rows, or raise max_steps or largest_number."
        )
    # Rare kinds of chains run out first; without shuffling the test rows would have fewer of them.
    drawn = list(chains)
    rng.shuffle(drawn)
    rows = [tell_problem(rng, start, steps) for start, steps in drawn]
    return rows[: spec.rows], rows[spec.rows :]


def draw_chain(rng: random.Random, spec: GeneratedDataset) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Draw a first number and the operations on it, with results from 2 to twice the largest number."""
    start = value = rng.randint(2, spec.largest_number)
    steps = []
    for _ in range(rng.randint(spec.min_steps, spec.max_steps)):
        choices = {
            "+": range(2, min(spec.largest_number, 2 * spec.largest_number - value) + 1),
            "-": range(2, min(spec.largest_number, value - 2) + 1),
            "*": [factor for factor in FACTORS if value * factor <= 2 * spec.largest_number],
            "/": [factor for factor in FACTORS if value % factor == 0 and value > factor],
        }
        operation = rng.choice([name for name, numbers in choices.items() if numbers])
        number = rng.choice(choices[operation])
        value = apply_operation(value, operation, number)
        steps.append((operation, number))
    return start, tuple(steps)


def apply_operation(value: int, operation: str, number: int) -> int:
    """Compute one step."""
    return {"+": value + number, "-": value - number, "*": value * number, "/": value // number}[operation]


def tell_problem(rng: random.Random, start: int, steps: tuple[tuple[str, int], ...]) -> dict[str, str]:
    """Write a chain of operations as a question in words, and an answer of worked steps."""
    story = rng.choice(STORIES)
    words = {"name": rng.choice(NAMES), "thing": rng.choice(story.things)}
    question, answer, value = [story.opening.format(n=start, **words)], [], start
    for operation, number in steps:
        sentence = rng.choice(story.tell[operation])
        question.append(sentence.format(n=number, times=TIMES.get(number), **words))
        result = apply_operation(value, operation, number)
        note = f"<<{value}{operation}{number}={result}>>"
        answer.append(f"{value} {operation} {number} = {note}{result} {words['thing']}.")
        value = result
    question.append(story.question.format(**words))
    return {"question": " ".join(question), "answer": "\n".join([*answer, f"#### {value}"])}
