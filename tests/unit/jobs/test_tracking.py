"""A rule's params hold as many facts as its longest job has, whatever the wildcards."""

from tunelab.jobs.slices import track

FACTS = {("a", "1"): ["x = 1", "y = {2}"], ("b", "1"): ["z = 3"]}


def list_params(slots, **wildcards):
    return [slot(wildcards) if callable(slot) else slot for slot in slots]


def test_every_combination_fills_the_same_number_of_params():
    slots = track(lambda run, seed: FACTS[run, seed], FACTS)
    assert list_params(slots, run="a", seed="1", task="other") == ["x = 1", "y = {2}", ""]
    assert list_params(slots, seed="1", run="b") == ["z = 3", "", ""]


def test_facts_are_built_once_for_each_combination():
    built = []

    def build(run):
        built.append(run)
        return [run]

    slots = track(build, [("a",), ("b",)])
    assert [list_params(slots, run=run) for run in "abab"] == [["a", ""], ["b", ""], ["a", ""], ["b", ""]]
    assert built == ["a", "b"]


def test_a_rule_without_wildcards_has_facts_too_and_one_without_jobs_has_none():
    assert list_params(track(lambda: ["a = 1"], [()])) == ["a = 1", ""]
    assert list_params(track(lambda run: [run], []), run="a") == ["a"]


def test_code_that_all_jobs_share_is_written_out_and_settings_are_not():
    """A setting that looks shared may depend on a wildcard that the domain does not list, like a seed."""
    facts = {
        "a": ["code x.py = 1", "code {y}.py = 2", "package torch = 2", "seed = 0", "code z.py = 3"],
        "b": ["code x.py = 1", "code {y}.py = 2", "package torch = 2", "seed = 0"],
    }
    slots = track(lambda run: facts[run], [("a",), ("b",)])
    assert [slot for slot in slots if not callable(slot)] == ["code x.py = 1", "package torch = 2"]
    for run in facts:
        assert set(list_params(slots, run=run)) == {*facts[run], ""}
