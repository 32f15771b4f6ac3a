"""An overlay that selects its own runs and tasks works as it is, and is judged by what it says itself."""

import pytest

from tests.unit.config.default_config import DEFAULT, load, merge
from tunelab.config.loading import load_config
from tunelab.config.selection import describe_left_out, settle_selection
from tunelab.errors import UserError

OWN = {"label": "Mine", "method": "sft", "model": "smollm2", "dataset": "support", "adapter": {"peft_type": "LORA"}}
# overlays that choose, the lowest first → the sections of the config that fall away with what they leave out
CHOICES = {
    "fewer runs": (["study: {runs: [base, lora]}"], {"noise"}),
    "one run": (["study: {runs: [lora]}"], {"noise"}),
    "the repeated run stays": (["study: {runs: [grpo]}"], set()),
    "a run of its own": ([{"study": {"runs": ["base", "mine"]}, "runs": {"mine": OWN | {"training": {}}}}], {"noise"}),
    "another repeated run": (["{study: {runs: [base, lora]}, noise: {run: lora}}"], set()),
    "a selection above an overlay": (["noise: {batch_size: 4}", "study: {runs: [base, lora]}"], {"noise"}),
    "a start that another run has": (
        [
            "{study: {runs: [base, warmstart]}, models: {tiny: {source: random, architecture: {model_type: llama}}}, "
            "runs: {base: {model: tiny}, warmstart: {model: tiny}}}"
        ],
        {"noise", "runs.grpo"},
    ),
    "a data set in another format": (
        ["{study: {runs: [base, lora], tasks: [support]}, datasets: {sums: {prepare: {format: question_answer}}}}"],
        {"noise", "runs.grpo", "tasks.sums"},
    ),
    "tasks alone": (["{study: {runs: [base], tasks: [support]}}"], {"noise"}),
}


def name_gone(config):
    gone = {f"{table}.{name}" for table in ("runs", "tasks") for name in DEFAULT[table].keys() - getattr(config, table)}
    return gone | ({"noise"} if config.noise is None else set())


@pytest.mark.parametrize(("overlays", "gone"), CHOICES.values(), ids=CHOICES)
def test_what_the_default_says_of_what_an_overlay_leaves_out_falls_away(overlays, gone):
    assert name_gone(load(*overlays)) == gone


@pytest.mark.parametrize(
    ("overlays", "sentence"),
    [
        (["{study: {runs: [base, lora]}, noise: {run: grpo}}"], "noise.run: 'grpo' is not in study.runs"),
        (["{study: {runs: [base, lora]}, noise: {rows: 4}}"], "noise.run: 'grpo' is not in study.runs"),
        (["study: {runs: [base, lora]}", "noise: {rows: 4}"], "noise.run: 'grpo' is not in study.runs"),
        (["noise: {run: gpro}"], "noise.run: 'gpro' is not in study.runs"),
        # a run that is left out, and that the overlay itself makes wrong
        (["{study: {runs: [base]}, runs: {grpo: {dataset: support}}}"], "runs.grpo.dataset: rewards check answers"),
        # one that is selected, or that a selected run starts from
        (["datasets: {sums: {prepare: {format: question_answer}}}"], "runs.grpo.dataset: rewards check answers"),
        (["{study: {runs: [grpo]}, runs: {grpo: {init_from: prefix}}}"], "runs.grpo.init_from: TRL's GRPO misplaces"),
        # one that teaches a selected run
        (
            [
                "{study: {runs: [mine]}, datasets: {sums: {prepare: {format: question_answer}}}, runs: {mine: "
                "{method: distillation, label: M, model: smollm2, dataset: sums, init_from: warmstart, teacher: grpo, "
                "training: {}}}}"
            ],
            "runs.grpo.dataset: rewards check answers",
        ),
        (["study: {runs: [base, lorra]}"], "study.runs: there is no run 'lorra'"),
        (["study: {runs: lora}"], "study.runs: must be a list"),
    ],
)
def test_what_an_overlay_itself_says_wrongly_stays_an_error(overlays, sentence):
    with pytest.raises(UserError) as caught:
        load(*overlays)
    assert f"  {sentence}" in str(caught.value)


def test_without_layers_every_part_of_the_config_counts():
    raw = merge({}) | {"study": DEFAULT["study"] | {"runs": ["base"]}}
    assert settle_selection(raw, [raw]) == raw
    with pytest.raises(UserError, match=r"noise\.run"):
        load_config(raw, "alone")


def test_what_falls_away_is_told_and_the_default_study_has_nothing_to_tell():
    def tell(overlay):
        layers = [DEFAULT, overlay]
        raw = DEFAULT | {name: DEFAULT[name] | section for name, section in overlay.items()}
        return list(describe_left_out(raw, load_config(settle_selection(raw, layers), "told")))

    assert tell({}) == []
    assert tell({"study": {"runs": ["base", "lora"]}}) == [
        "noise: no evaluation is repeated, since study.runs leaves out grpo; name a run of the study there.",
        "comparison.contrasts: 5 of 6 pairs do not count, since study.runs leaves out prefix, warmstart, grpo.",
    ]
    alone = tell({"study": {"runs": ["grpo"]}, "datasets": {"support": DEFAULT["datasets"]["sums"]}})
    assert alone == [
        "comparison.contrasts: 6 of 6 pairs do not count, since study.runs leaves out lora, base, prefix, warmstart; "
        "name pairs of the study, or no difference is tested."
    ]
    format_changed = {"fetch": DEFAULT["datasets"]["sums"]["fetch"], "prepare": {"format": "question_answer"}}
    told = tell({"study": {"runs": ["base", "lora"], "tasks": ["support"]}, "datasets": {"sums": format_changed}})
    assert told[1:3] == [
        "runs: grpo does not go with what was changed; left out, as study.runs does not name it.",
        "tasks: sums does not go with what was changed; left out, as study.tasks does not name it.",
    ]
