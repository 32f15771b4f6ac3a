"""Find degenerate answers: the same answer to many questions (alike), or answers that repeat themselves (looping).

A model can have a lower loss than another one and yet give one answer to every question. Page and paper name such runs
among the threats to validity and beside every verdict about them; no verdict is changed.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from scipy import stats

from tunelab.comparison.power import ALPHA
from tunelab.comparison.result_rows import Repetition, Sameness
from tunelab.config.metrics import LOGGED
from tunelab.data.thoughts import split_thought
from tunelab.jobs.layout import StudyFolder
from tunelab.words import split_words

GRAM = 4  # words: shorter n-grams recur in any longer text (seq-rep-4 of Welleck et al., ICLR 2020)
# An answer repeats itself if most of its n-grams occurred before: one sentence three times, not one phrase twice.
MOST = 0.5

ORIGINS = {"distinct": "Li et al. 2016", "looping": "Welleck et al. 2020"}


class Alike(NamedTuple):
    """How alike texts are: their number, distinct-1 and -2, how many have the words of the commonest, how many loop."""

    n: int
    distinct: tuple[float | None, float | None]
    alike: int
    commonest: str
    looping: int


def list_sameness(study: StudyFolder) -> Iterator[Sameness]:
    """Describe the references of every task, and the answers of every run and seed to it.

    Logs are left out: what they hold may be a letter or a number that was read out of an answer.
    """
    for task in (task for task in study.tasks if study.task(task)["kind"] not in LOGGED):
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
    """Return the runs of each task whose answers are degenerate with some seed."""
    found: dict[str, set[str]] = {row.task: set() for row in rows}
    for row in rows:
        if row.degenerate:
            found[row.task].add(row.run)
    return found


def describe_texts(texts: list[str]) -> Alike:
    """Describe how alike texts are; texts without words are alike if they have the same characters."""
    words = [split_words(text) for text in texts]
    keys = [" ".join(own) or text.strip() for own, text in zip(words, texts, strict=True)]
    commonest, alike = Counter(keys).most_common(1)[0]
    distinct = tuple(_find_distinct([gram for own in words for gram in list_grams(own, n)]) for n in (1, 2))
    return Alike(len(texts), distinct, alike, texts[keys.index(commonest)].strip(), sum(map(is_looping, words)))


def is_looping(words: list[str]) -> bool:
    """Tell whether most n-grams (of GRAM words) of a text occurred in it before."""
    grams = list_grams(words, GRAM)
    return len(grams) - len(set(grams)) > MOST * len(grams)


def list_grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    """List the n-grams of a list of words."""
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def is_beyond(count: int, of_references: int, n: int) -> bool:
    """Tell by Fisher's exact test whether `count` of n answers are more than `of_references` of the n references.

    No number is too large by itself: if the references are one word each, many answers are rightly alike.
    """
    table = [[count, n - count], [of_references, n - of_references]]
    return bool(stats.fisher_exact(table, alternative="greater").pvalue < ALPHA)


def _describe(
    found: Alike, run: str | None, seed: int | None, task: str, rows: dict[str, dict], files: list, study: StudyFolder
) -> Sameness:
    reference = describe_texts(list(map(_read_reference, rows.values())))
    # a bare number may rightly answer many sums, whatever else the references contain
    numbers = Counter(row["answer"] for row in rows.values() if study.task(task)["kind"] == "maths")
    yardstick = {"alike": max(numbers.values(), default=reference.alike), "looping": reference.looping}
    beyond: list[Repetition] = [
        name for name, value in yardstick.items() if run and is_beyond(getattr(found, name), value, found.n)
    ]
    return Sameness(
        run=run,
        seed=seed,
        task=task,
        n=found.n,
        distinct_1=found.distinct[0],
        distinct_2=found.distinct[1],
        alike=found.alike,
        commonest=found.commonest,
        looping=found.looping,
        **{f"reference_{name}": value for name, value in yardstick.items()},
        degenerate=beyond,
        sources=[study.name(file) for file in files],
    )


def _read_reference(row: dict) -> str:
    return split_thought(row["messages"][-1]["content"]).answer


def _find_distinct(grams: list[tuple[str, ...]]) -> float | None:
    return len(set(grams)) / len(grams) if grams else None
