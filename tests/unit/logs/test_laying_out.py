"""Joined logs become a study: an arm is a run, its logs are seeds, and each metric is a task."""

from pathlib import Path

import pytest

from tunelab import records
from tunelab.errors import UserError
from tunelab.logs import study as studies
from tunelab.logs.joining import join_arms
from tunelab.logs.log import Item, Log
from tunelab.logs.overlay import Overlay


def build_arms(metrics=("acc",), points=(1.0, 0.0), **more):
    def build(name, turned=False):
        values = points[::-1] if turned else points
        items = [
            Item(key, dict.fromkeys(metrics, value), "Q", "R", "A") for key, value in zip("ab", values, strict=True)
        ]
        return Log(Path(name), "a tool", "ARC (easy)", "none", tuple(items), **more)

    return {"Base model": [build("x")], "tuned": [build("y"), build("z", turned=True)]}


def write(root, arms, **overlay):
    results = str(root / "results")
    return studies.write_study(results, arms, join_arms(arms), Overlay.model_validate(overlay))


def test_arms_logs_and_tasks_have_names_that_are_folders(tmp_path):
    spec = write(tmp_path, build_arms())
    assert spec["study"]["run_seeds"] == {"base_model": [1], "tuned": [1, 2]}
    assert [spec["runs"][run]["label"] for run in spec["study"]["runs"]] == ["Base model", "tuned"]
    assert spec["comparison"]["contrasts"] == [["tuned", "base_model"]]
    assert spec["tasks"] == {
        "arc_easy": {"label": "ARC (easy), acc (none)", "dataset": "arc_easy", "kind": "right", "answered": True}
    }
    folder = tmp_path / "results/runs/tuned/seed2/arc_easy"
    assert records.read_jsonl(folder / "scores.jsonl") == [{"id": "a", "correct": 0.0}, {"id": "b", "correct": 1.0}]
    assert records.read_jsonl(folder / "answers.jsonl")[0] == {"id": "a", "completion": "A"}


def test_several_metrics_are_several_tasks(tmp_path):
    assert list(write(tmp_path, build_arms(("acc", "acc_norm")))["tasks"]) == ["arc_easy_acc", "arc_easy_acc_norm"]


@pytest.mark.parametrize(("lower", "kind"), [((), "points"), (("f1",), "penalty")])
def test_the_margin_of_points_is_a_part_of_their_range(tmp_path, lower, kind):
    spec = write(tmp_path, build_arms(("f1",), (0.0, 5.0), lower=frozenset(lower)))
    assert next(iter(spec["tasks"].values()))["kind"] == kind
    assert spec["comparison"]["margins"][kind] == pytest.approx(0.1)


def test_items_are_called_by_short_hashes_where_these_tell_them_apart():
    first, second = "a" * 64, "b" * 64
    assert studies.name_items([first, second, first]) == ["a" * 12, "b" * 12, "a" * 12 + " (2)"]
    assert studies.name_items([first, "a" * 63 + "b"]) == [first, "a" * 63 + "b"]


def test_an_overlay_names_and_asks(tmp_path):
    overlay = {
        "study": {"title": "T", "language": "zh"},
        "runs": {"Base model": {"label": "B"}},
        "tasks": {"arc_easy": {"label": "ARC"}},
        "comparison": {"margins": {"correct": 0.1}, "contrasts": [["base_model", "tuned"]]},
    }
    spec = write(tmp_path, build_arms(), **overlay)
    assert (spec["study"]["title"], spec["runs"]["base_model"]["label"], spec["tasks"]["arc_easy"]["label"]) == (
        "T",
        "B",
        "ARC",
    )
    assert (spec["comparison"]["contrasts"], spec["comparison"]["margins"]["correct"]) == (
        [["base_model", "tuned"]],
        0.1,
    )


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        ({"runs": {"tunde": {"label": "x"}}}, "runs: unknown name (did you mean tuned?)"),
        ({"tasks": {"arc": {"label": "x"}}}, "tasks: unknown name"),
        ({"comparison": {"margins": {"corect": 0.1}}}, "comparison.margins: unknown name (did you mean correct?)"),
        ({"comparison": {"contrasts": [["tuned", "tuned"]]}}, "is no pair of two arms"),
    ],
)
def test_an_overlay_about_what_is_not_there_is_refused(tmp_path, overlay, said):
    with pytest.raises(UserError) as refused:
        write(tmp_path, build_arms(), **overlay)
    assert said in str(refused.value)


def test_arms_that_would_share_a_folder_are_refused():
    with pytest.raises(UserError, match="a b and A_b differ only in signs"):
        studies.name_all({"a b": 1, "A_b": 2})
