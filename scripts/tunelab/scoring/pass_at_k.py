"""Estimate from several sampled answers to a question whether one of k, or the majority of k, is right.

Both are exact expectations over all choices of k of the samples: averaging over some random choices would add noise
that the samples do not have.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache

from tunelab.errors import UserError
from tunelab.numbers import normalise_number


def estimate_pass_at_k(correct: int, samples: int, k: int) -> float:
    """Return the probability that one of k samples is right (Chen et al. 2021, arXiv:2107.03374, unbiased)."""
    _require_samples(samples, k)
    return 1 - math.comb(samples - correct, k) / math.comb(samples, k)


def estimate_majority_at_k(answers: list[str | None], right: list[bool], k: int) -> float:
    """Return the expected share of right majority votes over all choices of k of the answers.

    Answers that tie share the vote evenly. None abstains; k abstentions are wrong. Where equal answers were scored
    differently, the vote for them is right as often as they are.
    """
    _require_samples(len(answers), k)
    counts, rights = Counter(answers), defaultdict(int)
    for answer, is_right in zip(answers, right, strict=True):
        rights[answer] += bool(is_right)
    silent = counts.pop(None, 0)
    total = 0.0
    for answer, count in counts.items():
        if rights[answer]:
            rivals = sorted(votes for other, votes in counts.items() if other != answer)
            total += rights[answer] / count * _share_votes(count, tuple(rivals), silent, k)
    return total


def group_by_id(rows: Iterable[dict]) -> list[list[dict]]:
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["id"], []).append(row)
    return list(groups.values())


def estimate(name: str, k: int, samples: list[dict]) -> float:
    """Estimate mean@N or pass@k (strictly right) or maj@k (by the tagged answer) of one item."""
    right = sum(row["strict"] for row in samples)
    if name == "mean":
        return right / len(samples)
    if name == "pass":
        return estimate_pass_at_k(right, len(samples), k)
    answers = [normalise_number(row["extracted"]["tagged"] or "") for row in samples]
    return estimate_majority_at_k(answers, [row["tagged"] for row in samples], k)


@cache
def _share_votes(count: int, rivals: tuple[int, ...], silent: int, k: int) -> float:
    """Return the share of votes of k that an answer given `count` times wins, ties split evenly."""
    won = 0.0
    for votes in range(1, min(count, k) + 1):
        # (answers drawn beside the winner's, rivals that tie) -> number of ways to draw them
        ways = {(drawn, 0): math.comb(silent, drawn) for drawn in range(min(silent, k - votes) + 1)}
        for rival in rivals:
            more = defaultdict(int)
            for (drawn, ties), number in ways.items():
                for given in range(min(rival, votes, k - votes - drawn) + 1):
                    more[drawn + given, ties + (given == votes)] += number * math.comb(rival, given)
            ways = more
        drawn_ways = sum(number / (ties + 1) for (drawn, ties), number in ways.items() if drawn == k - votes)
        won += math.comb(count, votes) * drawn_ways
    return won / math.comb(count + sum(rivals) + silent, k)


def _require_samples(samples: int, k: int) -> None:
    if not 1 <= k <= samples:
        raise UserError(
            f"k is {k}, but each question has {samples} sampled answers: k must be from 1 to {samples}. "
            "Lower k or sample more answers."
        )
