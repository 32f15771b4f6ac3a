"""Select metrics: those that a task measures, compares and shows, and the record and margin of each."""

import math

from tunelab.config.metrics import FIRST, HIDDEN, METRICS, NEUTRAL, SHARE, Metric, Use, is_sampled, name_sampled
from tunelab.config.study import Study


def name_text(source: str) -> str:
    """Return a neutral text's name among the tasks."""
    return f"{NEUTRAL}{source}"


def list_sampled(task: dict) -> list[str]:
    """List the metrics of a task's drawn answers; none if no answers are drawn."""
    if not (sampling := task.get("sampling")):
        return []
    return [
        name_sampled("mean", sampling["samples"]),
        *(name_sampled(name, k) for name in ("pass", "maj") for k in sampling["k"]),
    ]


def list_measured(kind: str, paired: bool = False) -> list[str]:
    """List the metrics that are measured on a kind of task, in the order of the tables.

    paired: whether the task's held-out rows are pairs (see `Items.paired`, `Results.paired`).
    """
    return [name for name, metric in METRICS.items() if kind in metric.on or (paired and "pairs" in metric.on)]


def list_used(use: Use, kind: str, paired: bool = False) -> list[str]:
    """List the metrics with this use on a kind of task, the metric of the task's verdict first."""
    kinds = (kind, "pairs") if paired else (kind,)
    used = [name for name, metric in METRICS.items() if any(use in metric.on.get(found, ()) for found in kinds)]
    return sorted(used, key=lambda name: name != FIRST[kind])


def list_contrasted(task: dict, paired: bool) -> list[str]:
    """List the metrics on which runs are compared on a task, that of the verdict first; paired: see `list_measured`."""
    return [*list_used("contrasted", task["kind"], paired), *list_sampled(task), *task.get("metrics", ())]


def list_headlines(task: dict, paired: bool) -> list[str]:
    """List the metrics in the table of results; paired: see `list_measured`."""
    return [*list_used("headline", task["kind"], paired), *task.get("metrics", ())]


def find_margin(margins: dict[str, float], metric: str) -> float:
    """Return the margin of a metric: two runs that differ by less are equivalent."""
    return margins[find_metric(metric).margin or metric]


def find_metric(name: str, better: dict[str, str] | None = None) -> Metric:
    """Look a metric up; `mean@N`, `pass@k` and `maj@k` are made for their number.

    better: the better direction of the user's metrics (`Study.own_metrics`); other metrics do not need it.
    """
    if known := METRICS.get(name) or HIDDEN.get(name):
        return known
    if not is_sampled(name):
        direction = (better or {}).get(name, "higher")
        return Metric(name, direction, "decimal", "", "mean", {}, (-math.inf, math.inf), own=True)
    about = {
        "mean": "the share of strictly right answers among this many sampled ones",
        "pass": "a strictly right answer is among this many sampled ones (unbiased estimate)",
        "maj": "the most frequent answer of this many sampled ones is right (expected over all choices of them)",
    }
    return Metric(name, "higher", "percent", about[name.partition("@")[0]], "mean", {}, SHARE, margin="strict")


def list_metrics(study: Study, task: str, kind: str, paired: bool) -> list[str]:
    """List what is measured on a task, in the order of the tables; paired: see `list_measured`."""
    measured = list_measured(kind, paired)
    if kind == "neutral":
        return measured
    drift = ["kl"] if study.spec.get("drift") else []
    return [*measured, *study.task(task).get("metrics", {}), *list_sampled(study.task(task)), *drift]
