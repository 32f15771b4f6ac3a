"""Whose answers are one answer to many questions, or repeat themselves: what losses and likeness need not show.

A model can have a lower loss than another one and yet say one sentence to every question. Page and paper name such runs
among the threats and behind every verdict about them; no verdict is changed.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from scipy import stats

from tunelab.comparison.power import ALPHA
from tunelab.comparison.rows import Repetition, Sameness
from tunelab.data.thoughts import split_thought
from tunelab.jobs.layout import StudyFolder
from tunelab.words import split_words

GRAM = 4  # words: shorter runs recur in any longer text (seq-rep-4 of Welleck et al., ICLR 2020)
# An answer repeats itself when more of it was said before than is new: a sentence thrice, not one turn of phrase twice.
MOST = 0.5

ORIGINS = {"distinct": "Li et al. 2016", "looping": "Welleck et al. 2020"}


class Alike(NamedTuple):
    """What texts have in common: how many there are, the commonest one and how many have its words; how many loop."""

    n: int
    distinct: tuple[float | None, float | None]
    alike: int
    commonest: str
    looping: int


def list_sameness(study: StudyFolder) -> Iterator[Sameness]:
    """Describe the references of every task, and the answers of every run and seed to it."""
    for task in study.tasks:
        path = study.dataset_file(study.task(task)["dataset"], "test_dataset.json")
        rows = {row["id"]: row for row in study.load(path)}
        yield _describe(
            describe_texts(list(map(_read_reference, rows.values()))), None, None, task, rows, [path], study
        )
        for run, seed in study.list_arms():
            file = study.task_file(run, seed, task, "answers.jsonl")
            answers = study.load(file)
            found = describe_texts([split_thought(answer["completion"]).answer for answer in answers])
            asked = {answer["id"]: rows[answer["id"]] for answer in answers}
            yield _describe(found, run, seed, task, asked, [file, path], study)


def find_degenerate(rows: list[Sameness]) -> dict[str, set[str]]:
    """Find the runs of each task whose answers go beyond the references with some seed."""
    found: dict[str, set[str]] = {row.task: set() for row in rows}
    for row in rows:
        if row.degenerate:
            found[row.task].add(row.run)
    return found


def describe_texts(texts: list[str]) -> Alike:
    """Describe how alike texts are; those without a word are alike if they are the same signs."""
    words = [split_words(text) for text in texts]
    keys = [" ".join(own) or text.strip() for own, text in zip(words, texts, strict=True)]
    commonest, alike = Counter(keys).most_common(1)[0]
    distinct = tuple(_find_distinct([gram for own in words for gram in list_grams(own, n)]) for n in (1, 2))
    return Alike(len(texts), distinct, alike, texts[keys.index(commonest)].strip(), sum(map(is_looping, words)))


def is_looping(words: list[str]) -> bool:
    """Tell whether most runs of GRAM words of a text stood in it before."""
    grams = list_grams(words, GRAM)
    return len(grams) - len(set(grams)) > MOST * len(grams)


def list_grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    """List the runs of n words."""
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def is_beyond(count: int, of_references: int, n: int) -> bool:
    """Tell whether more of n answers are such than of the references to the same rows, by Fisher's exact test.

    No number is too large by itself: where the references are one word each, many answers are rightly alike.
    """
    table = [[count, n - count], [of_references, n - of_references]]
    return bool(stats.fisher_exact(table, alternative="greater").pvalue < ALPHA)


def _describe(
    found: Alike, run: str | None, seed: int | None, task: str, rows: dict[str, dict], files: list, study: StudyFolder
) -> Sameness:
    reference = describe_texts(list(map(_read_reference, rows.values())))
    # a bare number may answer many sums rightly, however much the references write around it
    numbers = Counter(row["answer"] for row in rows.values() if study.task(task)["kind"] == "maths")
    yardstick = {"alike": max(numbers.values(), default=reference.alike), "looping": reference.looping}
    beyond: list[Repetition] = [
        name for name, value in yardstick.items() if run and is_beyond(getattr(found, name), value, found.n)
    ]
    return Sameness(
        **{"run": run, "seed": seed, "task": task, "n": found.n},
        **{"distinct_1": found.distinct[0], "distinct_2": found.distinct[1]},
        **{"alike": found.alike, "commonest": found.commonest, "looping": found.looping},
        **{f"reference_{name}": value for name, value in yardstick.items()},
        degenerate=beyond,
        sources=[study.name(file) for file in files],
    )


def _read_reference(row: dict) -> str:
    return split_thought(row["messages"][-1]["content"]).answer


def _find_distinct(grams: list[tuple[str, ...]]) -> float | None:
    return len(set(grams)) / len(grams) if grams else None
