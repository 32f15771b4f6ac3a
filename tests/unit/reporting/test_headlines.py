"""Headlines say what verdicts and files say, and no more."""

from gettext import NullTranslations

import pytest

from tests.unit.comparison.results_factory import build_study
from tests.unit.reporting.contrast_factory import build_contrast
from tests.unit.reporting.page_factory import PROJECT
from tunelab.config.study import Study
from tunelab.reporting import headlines
from tunelab.reporting.wordings import load_words

ENGLISH, CHINESE = NullTranslations(), load_words([PROJECT / "reports/zh.po"])
STUDY = Study(build_study())


def tell(*rows, words=ENGLISH, starved=()):
    """Tell verdicts of one task, each given as (run, against, verdict)."""
    made = [
        build_contrast(
            *(run, against), verdict=verdict, value=0.9, starved=[name for name in (run, against) if name in starved]
        )
        for run, against, verdict in rows
    ]
    return headlines.tell_contrasts(STUDY, {"support": made}, words)


@pytest.mark.parametrize(
    ("rows", "claims"),
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
def test_a_headline_words_the_verdicts(rows, claims):
    assert tell(*rows) == f"Technical questions: {claims}"


def test_many_claims_are_counted_and_many_runs_too():
    others = ("lora", "prefix", "warmstart", "grpo")
    rows = [*((run, "base", "better") for run in others), *(("base", run, "worse") for run in others)]
    assert tell(*rows, ("lora", "grpo", "undecided")) == "Technical questions: 8 of 9 differences are decided"
    assert headlines.join_runs(STUDY, STUDY.runs, ENGLISH) == "5 runs"


def test_a_headline_of_two_tasks_is_two_sentences():
    rows = {task: [build_contrast("lora", "base", task=task)] for task in ("support", "arithmetic")}
    told = headlines.tell_contrasts(STUDY, rows, ENGLISH)
    assert (
        told == "Technical questions: LoRA is better than untouched. Grade-school sums: LoRA is better than untouched."
    )


def test_a_headline_is_in_the_language_of_the_study():
    assert tell(("grpo", "warmstart", "better"), words=CHINESE) == "Technical questions\uff1aGRPO 优于 warm start"
    both = tell(("lora", "base", "equivalent"), ("prefix", "base", "equivalent"), words=CHINESE)
    assert both == "Technical questions\uff1aLoRA 和 prefix tuning 与 untouched 等效"


@pytest.mark.parametrize(
    ("rows", "claims"),
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
def test_a_headline_tells_of_starved_runs_that_a_verdict_does_not_favour(rows, claims):
    assert tell(*rows, starved=("grpo",)) == f"Technical questions: {claims}"


def test_the_remark_on_a_starved_run_is_in_the_language_of_the_study_and_on_counted_claims_too():
    told = tell(("grpo", "warmstart", "equivalent"), words=CHINESE, starved=("grpo",))
    assert told.endswith("\uff08GRPO\uff1a采样的回答过少\uff0c难以期待效果\uff09")
    rows = [*((run, "base", "better") for run in ("lora", "prefix", "warmstart")), ("grpo", "base", "worse")]
    turned = [(against, run, verdict) for run, against, verdict in rows]
    assert tell(*rows, *turned, starved=("grpo",)).endswith(
        "are decided (GRPO: too few completions to expect an effect)"
    )


def test_runs_that_something_better_outdoes_are_named():
    told = headlines.tell_outdone(STUDY, {"support": ["lora"], "arithmetic": []}, {"grpo"}, ENGLISH)
    assert told == (
        "Technical questions: a better run cost no more than LoRA. "
        "Grade-school sums: no run is outdone by a better one that cost no more."
    )
    told = headlines.tell_outdone(STUDY, {"support": ["lora", "grpo"]}, {"grpo"}, ENGLISH)
    assert told == (
        "Technical questions: a better run cost no more than LoRA and GRPO "
        "(GRPO: too few completions to expect an effect)"
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
