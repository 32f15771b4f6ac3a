"""Headlines say what verdicts and files say, and no more."""

from gettext import NullTranslations
from types import SimpleNamespace

import pytest

from tests.unit.comparison.results_factory import build_study
from tests.unit.reporting.contrast_factory import build_contrast
from tests.unit.reporting.page_factory import PROJECT
from tunelab.config.study import Study
from tunelab.reporting import headlines
from tunelab.reporting.wordings import load_words

ENGLISH, CHINESE = NullTranslations(), load_words([PROJECT / "reports/zh.po"])
STUDY = Study(build_study())


def tell(*rows, words=ENGLISH, starved=(), degenerate=(), others=()):
    """Tell verdicts of one task, each given as (run, against, verdict); `others` have a metric as well."""
    named = [*((*row, "loss") for row in rows), *others]
    made = [
        build_contrast(
            *(run, against),
            **{"verdict": verdict, "metric": metric, "primary": metric == "loss", "value": 0.9},
            starved=[name for name in (run, against) if name in starved],
            degenerate=[name for name in (run, against) if name in degenerate],
        )
        for run, against, verdict, metric in named
    ]
    return headlines.tell_contrasts(STUDY, SimpleNamespace(contrasts=made), words)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("lora", "prefix", "undecided")], "LoRA and prefix tuning cannot be told apart"),
        ([("grpo", "warmstart", "better")], "GRPO is better than warm start"),
        (
            [("lora", "base", "better"), ("prefix", "base", "better")],
            "LoRA and prefix tuning are better than untouched",
        ),
        ([("lora", "base", "undecided"), ("prefix", "base", "undecided")], "nothing is decided"),
        (
            [("lora", "base", "undecided"), ("grpo", "warmstart", "better"), ("prefix", "base", "undecided")],
            "GRPO is better than warm start; nothing else is decided",
        ),
        (
            [("lora", "base", "equivalent"), ("grpo", "base", "worse"), ("grpo", "lora", "undecided")],
            "GRPO is worse than untouched; LoRA is equivalent to untouched; GRPO and LoRA cannot be told apart",
        ),
    ],
)
def test_a_headline_words_the_verdicts(rows, said):
    assert tell(*rows) == f"Technical questions, by held-out loss: {said}"


def test_many_claims_are_counted_and_many_runs_too():
    others = ("lora", "prefix", "warmstart", "grpo")
    rows = [*((run, "base", "better") for run in others), *(("base", run, "worse") for run in others)]
    told = "Technical questions, by held-out loss: 8 of 9 differences are decided"
    assert tell(*rows, ("lora", "grpo", "undecided")) == told
    assert headlines.join_runs(STUDY, STUDY.runs, ENGLISH) == "5 runs"


def test_a_headline_of_two_tasks_is_two_sentences():
    rows = [build_contrast("lora", "base", task=task) for task in ("support", "arithmetic")]
    rows.append(build_contrast("lora", "base", task="text:neutral_en"))  # no task
    told = headlines.tell_contrasts(STUDY, SimpleNamespace(contrasts=rows), ENGLISH)
    assert told == (
        "Technical questions, by held-out loss: LoRA is better than untouched. "
        "Grade-school sums, by held-out loss: LoRA is better than untouched."
    )


@pytest.mark.parametrize(
    ("rows", "others", "said"),
    [
        (
            [("lora", "base", "better"), ("prefix", "base", "better")],
            [("lora", "base", "worse", "chrf"), ("lora", "base", "undecided", "rouge_l")],
            "prefix tuning is better than untouched; LoRA is better than untouched, but worse in chrF",
        ),
        (
            [("lora", "base", "better")],
            [("lora", "base", "better", "chrf"), ("lora", "base", "equivalent", "rouge_l")],
            "LoRA is better than untouched",
        ),
        (
            [("lora", "base", "undecided"), ("prefix", "base", "undecided"), ("grpo", "base", "undecided")],
            [(run, "base", "worse", metric) for run in ("lora", "prefix") for metric in ("rouge_l", "chrf")],
            "LoRA and prefix tuning are not told apart from untouched, but worse in ROUGE-L and chrF; "
            "GRPO and untouched cannot be told apart",
        ),
        (
            [("lora", "base", "equivalent")],
            [("lora", "base", "worse", "chrf"), ("lora", "base", "better", "my_own")],
            "LoRA is equivalent to untouched, but better in my_own and worse in chrF",
        ),
        (
            [("lora", "base", "worse")],
            [("lora", "base", "better", f"pass@{k}") for k in (1, 2, 4, 8, 16)],
            "LoRA is worse than untouched, but better in 5 metrics",
        ),
    ],
)
def test_a_headline_says_on_which_metrics_the_tests_decide_otherwise(rows, others, said):
    told = tell(*rows, others=others).removeprefix("Technical questions, by held-out loss: ")
    assert set(told.split("; ")) == set(said.split("; "))


def test_counted_claims_count_those_that_other_metrics_contradict():
    runs = ("lora", "prefix", "warmstart", "grpo")
    rows = [*((run, "base", "better") for run in runs), ("lora", "grpo", "worse")]
    others = [(run, "base", "worse", metric) for run, metric in zip(runs, ("chrf", "rouge_l", "a", "b"), strict=True)]
    assert tell(*rows, others=others).endswith(": 5 of 5 differences are decided; on 4, other metrics say otherwise")


def test_a_headline_is_in_the_language_of_the_study():
    assert tell(("grpo", "warmstart", "better"), words=CHINESE).endswith("\uff1aGRPO 优于 warm start")
    both = tell(("lora", "base", "equivalent"), ("prefix", "base", "equivalent"), words=CHINESE)
    assert both == "Technical questions\uff08按留出损失\uff09\uff1aLoRA 和 prefix tuning 与 untouched 等效"
    otherwise = tell(("lora", "base", "better"), words=CHINESE, others=[("lora", "base", "worse", "chrf")])
    assert otherwise.endswith("\uff1aLoRA 优于 untouched\uff0c但按chrF更差")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("grpo", "warmstart", "better")], "GRPO is better than warm start"),
        (
            [("grpo", "warmstart", "worse")],
            "GRPO is worse than warm start (GRPO: too few completions to expect an effect)",
        ),
        (
            [("warmstart", "grpo", "better"), ("lora", "base", "undecided")],
            "warm start is better than GRPO (GRPO: too few completions to expect an effect); "
            "LoRA and untouched cannot be told apart",
        ),
        (
            [("grpo", "warmstart", "undecided"), ("lora", "base", "undecided")],
            "nothing is decided (GRPO: too few completions to expect an effect)",
        ),
    ],
)
def test_a_headline_tells_of_starved_runs_that_a_verdict_does_not_favour(rows, said):
    assert tell(*rows, starved=("grpo",)) == f"Technical questions, by held-out loss: {said}"


def test_the_remark_on_a_starved_run_is_in_the_language_of_the_study_and_on_counted_claims_too():
    told = tell(("grpo", "warmstart", "equivalent"), words=CHINESE, starved=("grpo",))
    assert told.endswith("\uff08GRPO\uff1a采样的回答过少\uff0c难以期待效果\uff09")
    rows = [*((run, "base", "better") for run in ("lora", "prefix", "warmstart")), ("grpo", "base", "worse")]
    turned = [(against, run, verdict) for run, against, verdict in rows]
    assert tell(*rows, *turned, starved=("grpo",)).endswith(
        "are decided (GRPO: too few completions to expect an effect)"
    )


@pytest.mark.parametrize("verdict", ["better", "worse", "equivalent", "undecided"])
def test_a_headline_tells_of_repetitive_answers_whatever_the_verdict(verdict):
    assert tell(("lora", "base", verdict), degenerate=("lora",)).endswith("(LoRA: repetitive answers)")
    both = tell(("grpo", "base", "worse"), degenerate=("grpo",), starved=("grpo",))
    assert both.endswith("(GRPO: too few completions to expect an effect; GRPO: repetitive answers)")


def test_runs_that_something_better_outdoes_are_named():
    told = headlines.tell_outdone(STUDY, {"support": ["lora"], "arithmetic": []}, {"grpo"}, {"support": set()}, ENGLISH)
    assert told == (
        "Technical questions: LoRA is beaten by a better run that cost no more. "
        "Grade-school sums: no run is beaten by a better one that cost no more."
    )
    told = headlines.tell_outdone(STUDY, {"support": ["lora", "grpo"]}, {"grpo"}, {"support": {"lora"}}, ENGLISH)
    assert told == (
        "Technical questions: LoRA and GRPO are beaten by a better run that cost no more "
        "(GRPO: too few completions to expect an effect; LoRA: repetitive answers)"
    )


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        ({"lora": [2.0, 1.5, 1.6], "prefix": [3.0, 2.0]}, "The validation loss of LoRA ended above its lowest value"),
        ({"lora": [2.0, 1.5], "warmstart": []}, "Where it was measured, the validation loss was lowest at the end"),
        ({"warmstart": []}, "Loss of the supervised runs during training"),
    ],
)
def test_a_headline_of_curves_says_where_the_validation_loss_ended(measured, told):
    assert headlines.tell_losses(STUDY, measured, ENGLISH) == told


def test_a_headline_of_rewards_has_their_beginning_and_their_end():
    seeds = [[{"step": step, "loss": 0.0, "reward": step * scale} for step in range(1, 11)] for scale in (1.0, 2.0)]
    told = headlines.tell_rewards(STUDY, {"grpo": seeds}, ENGLISH)
    assert told == "GRPO: mean reward 2.25 in the first fifth of the steps, 14.25 in the last"


@pytest.mark.parametrize(("second", "fell"), [(-0.1, True), (0.1, False)])
def test_preferred_answers_fell_if_they_fell_with_every_seed(second, fell):
    seeds = [[{"step": 1, "loss": 1.0, "rewards/chosen": value}] for value in (-0.5, second)]
    told = headlines.tell_signals(STUDY, {"grpo": seeds}, ENGLISH)
    assert (told == "Preferred answers ended less likely than they began in GRPO") is fell
