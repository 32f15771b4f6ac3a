import pytest

from tests.unit.comparison.results_factory import build_study
from tests.unit.reporting import contrast_factory
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.findings import (
    build_changes,
    build_findings,
    complete,
    find_pairs,
    find_tension,
    group_verdicts,
    list_contrary,
    mirror,
)


def build_contrast(run, against, **options):
    return contrast_factory.build_contrast(run, against, **options).model_dump()


def test_a_finding_turned_round_says_the_same_of_the_other_run():
    row = build_contrast("lora", "base")
    turned = mirror(row)
    assert (turned["run"], turned["against"], turned["verdict"]) == ("base", "lora", "worse")
    assert (turned["value"], turned["low"], turned["high"]) == (0.4, 0.1, 0.6)
    assert (turned["wins"], turned["losses"]) == (3, 7)
    assert mirror(turned) == row
    for verdict in ("equivalent", "undecided"):
        assert mirror(row | {"verdict": verdict})["verdict"] == verdict


def test_every_pair_is_found_in_both_directions_on_first_metrics_only():
    contrasts = [
        build_contrast("lora", "base"),
        build_contrast("prefix", "base", declared=False),
        build_contrast("lora", "base", metric="chrf", primary=False),
    ]
    assert set(find_pairs(contrasts)) == {
        *{("support", "lora", "base"), ("support", "base", "lora")},
        *{("support", "prefix", "base"), ("support", "base", "prefix")},
    }


def test_counts_are_of_what_their_names_say():
    found = build_findings(
        [
            build_contrast("lora", "base", verdict="undecided"),
            build_contrast("lora", "prefix", unequal=["steps"]),
            build_contrast("lora", "base", metric="chrf", primary=False, verdict="undecided"),
            build_contrast("prefix", "base", declared=False, verdict="undecided"),
        ]
    )
    assert (len(found.declared), len(found.primary)) == (3, 2)
    assert (found.undecided, found.exploratory) == (1, 1)
    assert [(row["run"], row["against"]) for row in found.unequal] == [("lora", "prefix")]


def test_verdicts_that_say_the_same_are_told_in_one_breath_and_what_is_undecided_at_the_end():
    rows = [
        build_contrast("lora", "prefix", verdict="undecided"),
        build_contrast("lora", "base"),
        build_contrast("prefix", "base"),
        build_contrast("grpo", "warmstart"),
        build_contrast("grpo", "base", verdict="undecided"),
        build_contrast("grpo", "base", verdict="worse", task="sums"),
    ]
    rows = complete(rows)
    told = {
        task: [(group["verdict"], group["against"], [row["run"] for row in group["rows"]]) for group in groups]
        for task, groups in group_verdicts(rows).items()
    }
    assert told == {
        "support": [
            ("better", "base", ["lora", "prefix"]),
            ("better", "warmstart", ["grpo"]),
            ("undecided", None, ["lora", "grpo"]),
        ],
        "sums": [("worse", "base", ["grpo"])],
    }


@pytest.mark.parametrize(("noise", "below"), [(None, False), (0.0, False), (0.39, False), (0.4, True)])
def test_a_difference_within_the_noise_is_marked(noise, below):
    (row,) = build_findings([build_contrast("lora", "base", noise=noise)]).declared
    assert row["below_noise"] is below


def test_the_matrix_of_changes_marks_what_a_run_was_not_trained_on(tmp_path):
    study = StudyFolder(tmp_path, build_study())
    tasks = ["arithmetic", "support", "text:neutral_en"]
    contrasts = [
        build_contrast("base", run, task=task) for run in ("lora", "prefix", "warmstart", "grpo") for task in tasks
    ]
    changes = build_changes(study, find_pairs(contrasts), tasks)
    assert [(row["run"], row["untouched"]) for row in changes] == [
        *[("lora", "base"), ("prefix", "base"), ("warmstart", "base"), ("grpo", "base")]
    ]
    assert [[cell["elsewhere"] for cell in row["cells"]] for row in changes] == [
        *[[True, False, True]] * 2,
        *[[False, True, True]] * 2,
    ]
    assert {cell["value"] for row in changes for cell in row["cells"]} == {0.4}


def test_a_run_is_trained_on_its_starts_data_too(tmp_path):
    spec = build_study()
    spec["runs"]["warmstart"]["dataset"] = "tech"
    study = StudyFolder(tmp_path, spec)
    assert study.list_datasets("grpo") == {"sums", "tech"}
    assert study.list_datasets("base") == set()
    assert study.list_learnt() == ["sums", "tech"]


def test_other_metrics_that_decide_otherwise_stand_with_a_finding_in_both_directions():
    pairs = find_pairs(
        [
            build_contrast("lora", "base"),
            build_contrast("lora", "base", metric="chrf", primary=False, verdict="worse", value=-4.3),
            build_contrast("lora", "base", metric="rouge_l", primary=False, verdict="undecided"),
            build_contrast("lora", "base", task="sums", metric="strict", verdict="undecided"),
            build_contrast("lora", "base", task="sums", metric="flexible", primary=False, verdict="worse"),
            build_contrast("lora", "base", task="sums", metric="loss", primary=False, verdict="equivalent"),
            build_contrast("prefix", "base", metric="chrf", primary=False, verdict="worse"),
        ]
    )
    assert list_contrary(pairs["support", "lora", "base"]) == [("chrf", "worse")]
    assert list_contrary(pairs["support", "base", "lora"]) == [("chrf", "better")]
    assert pairs["support", "base", "lora"]["contrary"][0]["value"] == 4.3
    assert list_contrary(pairs["sums", "lora", "base"]) == [("flexible", "worse")]


def test_what_is_contradicted_is_told_apart_from_what_is_not():
    rows = complete(
        [
            build_contrast("lora", "base", verdict="undecided"),
            build_contrast("lora", "base", metric="chrf", primary=False, verdict="worse"),
            build_contrast("prefix", "base", verdict="undecided"),
            build_contrast("grpo", "base"),
        ]
    )
    groups = group_verdicts([row for row in rows if row["primary"]])["support"]
    assert [(group["verdict"], group["against"], group["contrary"]) for group in groups] == [
        ("better", "base", []),
        ("undecided", "base", [("chrf", "worse")]),
        ("undecided", None, []),
    ]


@pytest.mark.parametrize(
    ("verdict", "ends", "p", "tension"),
    [
        ("undecided", (-0.6, -0.1), 0.02, "holm"),
        ("undecided", (0.1, 0.6), 0.06, "test"),
        ("undecided", (-0.6, 0.1), 0.02, None),
        ("equivalent", (-0.6, -0.1), 0.001, "margin"),
        ("equivalent", (-0.6, 0.1), 0.2, None),
        ("better", (-0.6, 0.1), 0.01, "test"),
        ("worse", (-0.6, 0.0), 0.01, "test"),
        ("better", (-0.6, -0.1), 0.01, None),
    ],
)
def test_a_verdict_that_seems_to_contradict_its_interval_has_a_reason(verdict, ends, p, tension):
    row = build_contrast("lora", "base", verdict=verdict, low=ends[0], high=ends[1], p=p)
    assert find_tension(row) == tension
