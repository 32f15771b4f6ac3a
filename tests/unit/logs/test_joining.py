"""Items are compared where every log of every arm has a score for them, and never by their place alone."""

from pathlib import Path

import pytest

from tunelab.errors import UserError
from tunelab.logs.joining import join_arms
from tunelab.logs.log import Item, Log


def build_log(name, scores, keys=None, *, task="arc", filtered="", metric="acc", **more):
    """Build a log of items called a, b, c … with these scores."""
    keys = keys or [chr(ord("a") + place) for place in range(len(scores))]
    items = tuple(
        Item(key, {metric: score}, question=f"What is {key}?", answer=f"{name} says {key}")
        for key, score in zip(keys, scores, strict=True)
    )
    return Log(Path(name), "a tool", task, filtered, items, **more)


def join(*arms, wanted=()):
    (found,) = join_arms(dict(zip(("base", "tuned", "other"), arms, strict=False)), wanted)
    return found


def test_items_are_found_by_their_keys_wherever_they_stand():
    found = join([build_log("x", [1, 0, 1])], [build_log("y", [0, 1, 1], ["c", "a", "b"])])
    assert [item.key for item in found.items] == ["a", "b", "c"]
    assert found.values == {"base": [[1, 0, 1]], "tuned": [[1, 1, 0]]}
    assert found.answers["tuned"] == [["y says a", "y says b", "y says c"]]
    assert (found.is_share, found.all_items, found.missing) == (True, 3, {})


def test_of_equal_keys_the_first_is_joined_with_the_first():
    found = join([build_log("x", [1, 0, 1], ["a", "a", "b"])], [build_log("y", [0, 1, 1], ["b", "a", "a"])])
    assert found.values == {"base": [[1, 0, 1]], "tuned": [[1, 1, 0]]}


def test_each_file_of_an_arm_is_a_training_of_its_own():
    found = join([build_log("x", [1, 0])], [build_log("y", [1, 1]), build_log("z", [0, 1])])
    assert found.values["tuned"] == [[1, 1], [0, 1]]


def test_what_is_not_scored_is_missing_and_not_wrong():
    found = join([build_log("x", [1, None, 1, 0])], [build_log("y", [1, 1, 0])])
    assert [item.key for item in found.items] == ["a", "c"]
    assert found.values == {"base": [[1, 1]], "tuned": [[1, 0]]}
    assert {arm: (gone.count, gone.names) for arm, gone in found.missing.items()} == {
        "base": (1, ["b"]),
        "tuned": (1, ["d"]),
    }
    # a, b, c and d: of base b may be wrong or right, of tuned d
    assert found.bounds == {"base": (0.5, 0.75), "tuned": (0.5, 0.75)}


def test_several_answers_to_an_item_are_averaged_over_those_that_are_scored():
    repeated = [Item(key, {"acc": score}, repeat=repeat) for key, repeat, score in REPEATED]
    log = Log(Path("x"), "a tool", "arc", "", tuple(repeated))
    found = join([log], [build_log("y", [1, 0])])
    assert (found.values["base"], found.is_share) == ([[0.5, 1]], False)


REPEATED = [("a", 0, 1), ("b", 0, 1), ("a", 1, 0), ("b", 1, None)]


def test_points_beyond_right_and_wrong_are_no_share():
    found = join([build_log("x", [0.25, 2])], [build_log("y", [1, 0])])
    assert not found.is_share
    assert found.bounds["base"] == (1.125, 1.125)


def test_a_metric_of_which_less_is_better_is_told():
    assert join([build_log("x", [1.5, 2])], [build_log("y", [1, 0], lower=frozenset({"acc"}))]).lower


def test_tasks_filters_and_metrics_are_joined_apart():
    def build(name):
        return [build_log(name, [1, 0], filtered="strict"), build_log(name, [1, 1], filtered="flexible")]

    joined = join_arms({"base": build("x"), "tuned": [*build("y"), build_log("y", [1, 1], task="gsm8k")]})
    assert [(found.task, found.filter) for found in joined] == [("arc", "strict"), ("arc", "flexible")]


def test_only_wanted_metrics_are_compared():
    logs = [build_log(name, [1, 0])._replace(items=two_metrics()) for name in "xy"]
    (found,) = join_arms({"base": logs[:1], "tuned": logs[1:]}, ["acc_norm"])
    assert found.metric == "acc_norm"
    assert len(join_arms({"base": logs[:1], "tuned": logs[1:]})) == 2


def two_metrics():
    return tuple(Item(key, {"acc": 1.0, "acc_norm": 0.0}) for key in "ab")


def test_only_wanted_tasks_are_compared():
    logs = [[build_log(name, [1, 0], task=task) for task in ("arc", "piqa")] for name in "xy"]
    (found,) = join_arms(dict(zip(("base", "tuned"), logs, strict=True)), tasks=["piqa"])
    assert found.task == "piqa"
    with pytest.raises(UserError, match=r"TASKS: mmlu is not in the logs of every arm. These are: arc, piqa."):
        join_arms(dict(zip(("base", "tuned"), logs, strict=True)), tasks=["mmlu"])


def test_settings_in_which_arms_differ_are_told_and_those_that_some_do_not_tell_are_not():
    found = join(
        [build_log("x", [1, 0], settings={"shots": "5", "limit": "2"})],
        [build_log("y", [1, 0], settings={"shots": "0"})],
    )
    assert found.differing == {"shots": {"base": "5", "tuned": "0"}}


def test_other_prompts_are_counted_where_all_logs_tell_them():
    def ask(name, *prompts):
        log = build_log(name, [1, 0])
        return log._replace(
            items=tuple(item._replace(prompt=text) for item, text in zip(log.items, prompts, strict=True))
        )

    assert join([ask("x", "p", "q")], [ask("y", "p", "other")]).prompted == 1
    assert join([ask("x", "p", "q")], [ask("y", "p", "q")]).prompted == 0
    assert join([ask("x", "p", "q")], [ask("y", None, None)]).prompted is None


WRONG = {
    "no task in common": (
        [[build_log("x", [1, 0])], [build_log("y", [1, 0], task="piqa")]],
        "The arms have no task in common (base: arc; tuned: piqa)",
    ),
    "no filter in common": (
        [[build_log("x", [1, 0], filtered="strict")], [build_log("y", [1, 0], filtered="flexible")]],
        "base: arc (strict); tuned: arc (flexible)",
    ),
    "no item in common": (
        [[build_log("x", [1, 0])], [build_log("y", [1, 0, 1], ["c", "d", "e"])]],
        "arc, acc: the arms have no item in common that all of them were scored on (base: 2 items; tuned: 3 items)",
    ),
    "one item in common": (
        [[build_log("x", [1, 0])], [build_log("y", [1, 0], ["b", "c"])]],
        "arc, acc: the arms have only one item in common",
    ),
    "no metric in common": (
        [[build_log("x", [1, 0])], [build_log("y", [1, 0], metric="f1")]],
        "There is nothing to compare: no metric is in all logs. The logs have: acc, f1.",
    ),
    "other versions": (
        [[build_log("x", [1, 0], settings={"version": "2"})], [build_log("y", [1, 0], settings={"version": "3"})]],
        "the logs are of different versions of the task (base: 2, tuned: 3)",
    ),
    "a file twice": (
        [[build_log("x", [1, 0])], [build_log("y", [1, 0]), build_log("y", [1, 0])._replace(path=Path("z"))]],
        "z and y of tuned have the same answers and scores",
    ),
}


@pytest.mark.parametrize(("arms", "said"), WRONG.values(), ids=WRONG)
def test_logs_that_cannot_be_compared_are_refused_in_a_sentence(arms, said):
    with pytest.raises(UserError) as refused:
        join(*arms)
    assert said in str(refused.value)


def test_positions_join_only_where_the_questions_agree():
    first, second = (build_log(name, [1, 0], positional=True) for name in "xy")
    assert join([first], [second]).values["tuned"] == [[1, 0]]
    other = second._replace(items=(second.items[0]._replace(question="What else?"), second.items[1]))
    with pytest.raises(UserError, match="Row a of y asks something else than row a of x"):
        join([first], [other])
    silent = [log._replace(items=tuple(item._replace(question=None) for item in log.items)) for log in (first, second)]
    with pytest.raises(UserError, match="nothing shows that the arms answered the same ones"):
        join(*[[log] for log in silent])


def test_an_arm_has_as_many_logs_of_each_task():
    both = [build_log("x", [1, 0]), build_log("x", [1, 0], task="piqa")]
    with pytest.raises(UserError, match="tuned has 2 logs of arc and 1 of piqa"):
        join_arms({"base": both, "tuned": [*both, build_log("z", [0, 0])]})


def test_arms_with_several_logs_have_equally_many():
    three = [build_log(name, [number, 0, 1]) for number, name in enumerate("xyz")]
    assert len(join(three[:1], three[1:]).values["tuned"]) == 2
    with pytest.raises(UserError, match=r"different numbers of logs of arc \(base: 3, tuned: 2\)"):
        join(three, three[1:])


def test_repeats_that_break_off_are_refused():
    log = Log(Path("x"), "a tool", "arc", "", tuple(Item(key, {"acc": 1}, repeat=n) for key, n in ["a0", "b0", "a1"]))
    with pytest.raises(UserError, match="x: item b has 1 answers and others have 2"):
        join([log], [build_log("y", [1, 0])])
