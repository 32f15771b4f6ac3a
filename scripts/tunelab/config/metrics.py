"""Define the metrics: on which tasks each is measured, how it is estimated, and how its name and numbers are shown.

Tables, tests, figures and sentences are made from these records. Shares are counted over items, means averaged over
items, ratios are sums over sums (loss per token).
"""

import math
from typing import Literal, NamedTuple

Use = Literal["contrasted", "headline", "brief", "plotted"]


class Metric(NamedTuple):
    """How a metric is named, shown and estimated, and what it is used for on each kind of task.

    Kinds are maths, text, neutral (texts that no run learns), and pairs if a task's held-out rows are pairs of a chosen
    and a rejected answer; right, points and penalty are those of logs (`LOGGED`). A metric is measured on all kinds in
    `on`; there it may be contrasted (differences between runs are tested), a headline (in the table of results), brief
    (in a sentence) and plotted.
    """

    label: str
    better: Literal["higher", "lower", ""]
    style: Literal["percent", "decimal", "tenths"]
    about: str
    estimator: Literal["share", "mean", "ratio"]
    on: dict[str, tuple[Use, ...]]
    span: tuple[float, float] = (0.0, math.inf)  # the smallest and the largest possible value
    ratio: tuple[str, str] | None = None  # the fields of rows whose sums are divided
    file: str = "scores.jsonl"  # with one value a row; in the folder of the task, or of the run for drift
    margin: str | None = None  # its key in `comparison.margins`; None: its own name
    own: bool = False  # whether it is a user's function

    @property
    def is_name(self) -> bool:
        """Whether the label is the same in every language."""
        return self.own or is_sampled(self.label)

    @property
    def is_share(self) -> bool:
        """Whether it counts items, each of which is right or wrong."""
        return self.estimator == "share"


SHARE = (0.0, 1.0)
LOSSES = "losses.jsonl"
TESTED: tuple[Use, ...] = ("contrasted", "headline")
ALL: tuple[Use, ...] = (*TESTED, "brief", "plotted")
# in the order of the tables
METRICS = {
    "strict": Metric(
        label="strict accuracy",
        better="higher",
        style="percent",
        about="the layout is exact and the tagged answer is right",
        estimator="share",
        on={"maths": ALL},
        span=SHARE,
    ),
    "tagged": Metric(
        label="tagged accuracy",
        better="higher",
        style="percent",
        about="the last tagged answer is right, whatever the layout",
        estimator="share",
        on={"maths": ()},
        span=SHARE,
    ),
    "flexible": Metric(
        label="last-number accuracy",
        better="higher",
        style="percent",
        about="the last number of the text is right",
        estimator="share",
        on={"maths": (*TESTED, "plotted")},
        span=SHARE,
    ),
    "strict_format": Metric(
        label="strict format",
        better="higher",
        style="percent",
        about="the layout is exact",
        estimator="share",
        on={"maths": ("headline", "plotted")},
        span=SHARE,
    ),
    "soft_format": Metric(
        label="soft format",
        better="higher",
        style="percent",
        about="both pairs of tags are there, in order",
        estimator="share",
        on={"maths": ()},
        span=SHARE,
    ),
    "no_answer": Metric(
        label="no answer",
        better="lower",
        style="percent",
        about="no tagged answer could be read",
        estimator="share",
        on={"maths": ()},
        span=SHARE,
    ),
    "truncated": Metric(
        label="cut off",
        better="lower",
        style="percent",
        about="the answer ran into the limit on new tokens",
        estimator="share",
        on={"maths": (), "text": ()},
        span=SHARE,
    ),
    "reward": Metric(
        label="reward",
        better="higher",
        style="decimal",
        about="sum of all reward functions, unweighted",
        estimator="mean",
        on={"maths": (*TESTED, "brief")},
        span=(-math.inf, math.inf),
    ),
    "rouge_l": Metric(
        label="ROUGE-L",
        better="higher",
        style="decimal",
        about="longest common subsequence with the reference (F-measure)",
        estimator="mean",
        on={"text": ALL},
        span=SHARE,
    ),
    "chrf": Metric(
        label="chrF",
        better="higher",
        style="tenths",
        about="character n-gram F-score against the reference",
        estimator="mean",
        on={"text": (*TESTED, "plotted")},
        span=(0.0, 100.0),
    ),
    "length_ratio": Metric(
        label="length ratio",
        better="",
        style="decimal",
        about="length of the answer over that of the reference",
        estimator="mean",
        on={"text": ()},
    ),
    "tokens": Metric(
        label="answer length",
        better="",
        style="tenths",
        about="new tokens per answer",
        estimator="mean",
        on={"maths": (), "text": ()},
    ),
    "loss": Metric(
        label="held-out loss",
        better="lower",
        style="decimal",
        about="nats per token of the reference answer",
        estimator="ratio",
        on={"maths": TESTED, "text": ALL, "neutral": ("contrasted",)},
        ratio=("loss", "tokens"),
        file=LOSSES,
    ),
    "bits_per_byte": Metric(
        label="bits per byte",
        better="lower",
        style="decimal",
        about="the same loss, free of the tokenizer",
        estimator="ratio",
        on={"maths": (), "text": (), "neutral": ()},
        ratio=("bits", "bytes"),
        file=LOSSES,
    ),
    "ranking": Metric(
        label="ranking accuracy",
        better="higher",
        style="percent",
        about="the chosen answer of a pair is likelier than the rejected one, by the sum over its tokens; a tie counts "
        "half",
        estimator="share",
        on={"pairs": TESTED},
        span=SHARE,
        file=LOSSES,
    ),
    "ranking_per_token": Metric(
        label="ranking accuracy per token",
        better="higher",
        style="percent",
        about="the same by the mean over an answer's tokens, as the sum favours the shorter answer",
        estimator="share",
        on={"pairs": TESTED},
        span=SHARE,
        file=LOSSES,
        margin="ranking",
    ),
    "correct": Metric(
        label="accuracy",
        better="higher",
        style="percent",
        about="the log counts the item as right",
        estimator="share",
        on={"right": ALL},
        span=SHARE,
    ),
    "points": Metric(
        label="score",
        better="higher",
        style="decimal",
        about="the log's points for an item",
        estimator="mean",
        on={"points": ALL},
        span=(-math.inf, math.inf),
    ),
    "penalty": Metric(
        label="penalty",
        better="lower",
        style="decimal",
        about="the log's points for an item, of which less is better",
        estimator="mean",
        on={"penalty": ALL},
        span=(-math.inf, math.inf),
    ),
    "kl": Metric(
        label="divergence",
        better="",
        style="decimal",
        about="KL from the untouched model on the reference answer, nats per token",
        estimator="ratio",
        on={},
        ratio=("kl", "tokens"),
        file="drift.jsonl",
    ),
}
# the chosen answer's log-probability minus the rejected one's, from which rankings are made; never shown
GAP = "ranking-gap"
HIDDEN = {GAP: Metric(GAP, "higher", "decimal", "", "mean", {}, (-math.inf, math.inf), file=LOSSES)}
# by the kind of a task that is read from logs: its only metric
LOGGED = {"right": "correct", "points": "points", "penalty": "penalty"}
# by a task's kind: the metric of its verdict
FIRST = {"maths": "strict", "text": "loss", "neutral": "loss", **LOGGED}
NEUTRAL = "text:"  # prefix of the names of neutral texts among the tasks
# the keys of `comparison.margins`; logs have theirs in overlays of their own
MARGINS = tuple(
    dict.fromkeys(
        metric.margin or name
        for name, metric in METRICS.items()
        if any("contrasted" in uses for kind, uses in metric.on.items() if kind not in LOGGED)
    )
)


def name_sampled(name: str, number: int) -> str:
    """Return the name of a metric of drawn answers: `pass@8`."""
    return f"{name}@{number}"


def is_sampled(metric: str) -> bool:
    """Tell whether a metric is about drawn answers, several to each question."""
    return "@" in metric
