"""What the rows of a run's scores or losses say of a metric, as numerators and denominators."""

import math

import numpy as np

from tunelab.comparison.metrics import GAP, find_metric


def list_values(rows: list[dict], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """List a metric's numerators and denominators, one of each per row."""
    described = find_metric(metric)
    if described.ratio:
        return _list_ratios(rows, *described.ratio)
    if metric == GAP or "pairs" in described.on:
        return _list_pairs(rows, metric), np.ones(len(rows))
    values = [_add_up(row["rewards"]) if metric == "reward" else row[metric] for row in rows]
    return np.array(values, float), np.ones(len(values))


def rank(gaps: np.ndarray) -> np.ndarray:
    """Return 1 where the chosen answer of a pair is ahead, 0 where the rejected one is, and a half in a tie."""
    return (np.sign(gaps) + 1) / 2


def _list_ratios(rows: list[dict], above: str, below: str) -> tuple[np.ndarray, np.ndarray]:
    numerators = np.array([row["loss" if above == "bits" else above] for row in rows], float)
    return numerators / (math.log(2) if above == "bits" else 1.0), np.array([row[below] for row in rows], float)


def _list_pairs(rows: list[dict], metric: str) -> np.ndarray:
    """List by how many nats a run finds the chosen answers likelier than the rejected ones, or their ranks by that."""
    chosen, rejected, tokens, rejected_tokens = (
        np.array([row[name] for row in rows], float) for name in ("loss", "rejected_loss", "tokens", "rejected_tokens")
    )
    if metric == "ranking_per_token":
        return rank(rejected / rejected_tokens - chosen / tokens)
    return rejected - chosen if metric == GAP else rank(rejected - chosen)


def _add_up(rewards: dict[str, float | None]) -> float:
    """Add up rewards, of which a function of the user's own may not apply."""
    return sum(value for value in rewards.values() if value is not None)
