"""What is measured on each kind of task, how it is called, and how its numbers are written.

Proportions are counted over items, means averaged over items, ratios are sums over sums (loss per token).
"""

import math
from typing import Literal, NamedTuple

from tunelab.config.study import Study


class Metric(NamedTuple):
    """How a metric is called and written, and the smallest and the largest value that it can have."""

    label: str
    better: Literal["higher", "lower", ""]
    style: Literal["percent", "decimal", "tenths"]
    about: str
    span: tuple[float, float] = (0.0, math.inf)
    own: bool = False  # a function of the user's own

    @property
    def is_name(self) -> bool:
        """Whether the label is the same in every language."""
        return self.own or is_sampled(self.label)


SHARE = (0.0, 1.0)
METRICS = {
    "strict": Metric(
        "strict accuracy", "higher", "percent", "the layout is exact and the tagged answer is right", SHARE
    ),
    "tagged": Metric(
        "tagged accuracy", "higher", "percent", "the last tagged answer is right, whatever the layout", SHARE
    ),
    "flexible": Metric("last-number accuracy", "higher", "percent", "the last number of the text is right", SHARE),
    "strict_format": Metric("strict format", "higher", "percent", "the layout is exact", SHARE),
    "soft_format": Metric("soft format", "higher", "percent", "both pairs of tags are there, in order", SHARE),
    "no_answer": Metric("no answer", "lower", "percent", "no tagged answer could be read", SHARE),
    "truncated": Metric("cut off", "lower", "percent", "the answer ran into the limit on new tokens", SHARE),
    "reward": Metric("reward", "higher", "decimal", "sum of all reward functions, unweighted", (-math.inf, math.inf)),
    "tokens": Metric("answer length", "", "tenths", "new tokens per answer"),
    "length_ratio": Metric("length ratio", "", "decimal", "length of the answer over that of the reference"),
    "rouge_l": Metric(
        "ROUGE-L", "higher", "decimal", "longest common subsequence with the reference (F-measure)", SHARE
    ),
    "chrf": Metric("chrF", "higher", "tenths", "character n-gram F-score against the reference", (0.0, 100.0)),
    "loss": Metric("held-out loss", "lower", "decimal", "nats per token of the reference answer"),
    "kl": Metric("divergence", "", "decimal", "KL from the untouched model on the reference answer, nats per token"),
    "bits_per_byte": Metric("bits per byte", "lower", "decimal", "the same loss, free of the tokenizer"),
    "ranking": Metric(
        "ranking accuracy",
        "higher",
        "percent",
        "the chosen answer of a pair is likelier than the rejected one, by the sum over its tokens; a tie counts half",
        SHARE,
    ),
    "ranking_per_token": Metric(
        "ranking accuracy per token",
        "higher",
        "percent",
        "the same by the mean over an answer's tokens, as the sum favours the shorter answer",
        SHARE,
    ),
}
PROPORTIONS = {
    "maths": ("strict", "tagged", "flexible", "strict_format", "soft_format", "no_answer", "truncated"),
    "text": ("truncated",),
}
MEANS = {"maths": ("reward", "tokens"), "text": ("rouge_l", "chrf", "length_ratio", "tokens")}
RATIOS = {"loss": ("loss", "tokens"), "bits_per_byte": ("bits", "bytes")}
# of tasks whose held-out rows are pairs, by how likely a run finds either answer
PAIRED = ("ranking", "ranking_per_token")
# what these are made of, and shown nowhere: the chosen answer's log-probability minus the rejected one's
GAP = "ranking-gap"
# differences between runs are tested on these; a task's verdict stands on its first
CONTRASTED = {
    "maths": ("strict", "flexible", "reward", "loss"),
    "text": ("loss", "rouge_l", "chrf"),
    "neutral": ("loss",),
}
HEADLINES = {
    "maths": ("strict", "flexible", "strict_format", "reward", "loss"),
    "text": ("loss", "rouge_l", "chrf"),
}
BRIEF = {"maths": ("strict", "reward"), "text": ("loss", "rouge_l")}  # for a sentence
PLOTTED = {"maths": ("strict", "flexible", "strict_format"), "text": ("loss", "rouge_l", "chrf")}
NEUTRAL = "text:"  # what the name of a neutral text among the tasks begins with


def name_text(source: str) -> str:
    """Return a neutral text's name among the tasks."""
    return f"{NEUTRAL}{source}"


def name_sampled(name: str, number: int) -> str:
    """Return the name of a metric of drawn answers: `pass@8`."""
    return f"{name}@{number}"


def is_sampled(metric: str) -> bool:
    """Tell whether a metric is one of answers that were drawn, several to each question."""
    return "@" in metric


def list_sampled(task: dict) -> list[str]:
    """List the metrics of a task's drawn answers, if there are any."""
    if not (sampling := task.get("sampling")):
        return []
    return [
        name_sampled("mean", sampling["samples"]),
        *(name_sampled(name, k) for name in ("pass", "maj") for k in sampling["k"]),
    ]


def list_contrasted(task: dict, paired: bool) -> list[str]:
    """List the metrics of a task on which runs are compared; a verdict stands on the first.

    paired: whether the task's held-out rows are pairs, as of `Items.paired` and `Results.paired`.
    """
    return [*CONTRASTED[task["kind"]], *PAIRED * paired, *list_sampled(task), *task.get("metrics", ())]


def find_margin(margins: dict[str, float], metric: str) -> float:
    """Find below which difference of a metric two runs are equivalent: that of `strict` for drawn answers."""
    if metric in PAIRED:
        return margins["ranking"]
    return margins["strict" if is_sampled(metric) else metric]


def counts_items(metric: str) -> bool:
    """Tell whether a metric is a share of items that are right or wrong each."""
    return metric in PAIRED or any(metric in names for names in PROPORTIONS.values())


def find_file(metric: str) -> str:
    """Return the name of the file of a run's task that holds a metric, unless it is one of drawn answers or drift."""
    return "losses.jsonl" if metric in (*RATIOS, *PAIRED, GAP) else "scores.jsonl"


def list_headlines(task: dict, paired: bool) -> list[str]:
    """List the metrics of the table of results; paired: as of `list_contrasted`."""
    return [*HEADLINES[task["kind"]], *PAIRED * paired, *task.get("metrics", ())]


def find_metric(name: str, better: dict[str, str] | None = None) -> Metric:
    """Look a metric up; `mean@N`, `pass@k` and `maj@k` are made for their number.

    better: in which direction the user's own metrics are better (`Study.own_metrics`); all else is known without it.
    """
    if name in METRICS:
        return METRICS[name]
    if not is_sampled(name):
        return Metric(name, (better or {}).get(name, "higher"), "decimal", "", (-math.inf, math.inf), own=True)
    about = {
        "mean": "the share of strictly right answers among this many sampled ones",
        "pass": "a strictly right answer is among this many sampled ones (unbiased estimate)",
        "maj": "the most frequent answer of this many sampled ones is right (expected over all choices of them)",
    }
    return Metric(name, "higher", "percent", about[name.partition("@")[0]], SHARE)


def list_metrics(study: Study, task: str, kind: str, paired: bool) -> list[str]:
    """List what is measured on a task, in the order of the tables; paired: as of `list_contrasted`."""
    if kind == "neutral":
        return list(RATIOS)
    drift = ["kl"] if study.spec.get("drift") else []
    own = study.task(task).get("metrics", {})
    return [*PROPORTIONS[kind], *MEANS[kind], *RATIOS, *PAIRED * paired, *own, *list_sampled(study.task(task)), *drift]
