"""Archives and JSON files of Inspect say the same, and an evaluation that did not end is refused."""

import json

import pytest
from logs.log_files import FIXTURES

from tunelab.errors import UserError
from tunelab.logs.reading import read_logs

ARCHIVE, DOCUMENT = FIXTURES / "inspect/sums.eval", FIXTURES / "inspect/sums.json"


def change_header(**changed):
    def change(entries):
        return [(n, json.dumps(json.loads(t) | changed) if n == "header.json" else t) for n, t in entries]

    return change


def sort_items(log):
    return sorted((item._replace(question=None) for item in log.items), key=lambda item: (item.key, item.repeat))


def test_an_archive_has_a_metric_for_each_value_of_a_scorer():
    (log,) = read_logs(ARCHIVE)
    assert (log.tool, log.task, log.filter, log.positional) == ("Inspect", "sums", "", False)
    assert log.settings == {"version": "0", "shuffled": "False", "repeats": "2", "model": "mockllm/model"}
    first, *_, last = log.items
    assert first.key == "q-two" and first.question == "What is 2 + 3?" and first.reference == "5"
    assert first.scores == {"match": 1, "grade": 1, "style/length": 7, "style/calm": 1} and first.answer == "It is 5"
    assert last.key == "q-nine" and last.scores["style/calm"] is None  # NaN


def test_grades_are_the_numbers_that_inspect_makes_of_them():
    (log,) = read_logs(ARCHIVE)
    grades = {(item.key, item.repeat): item.scores["grade"] for item in log.items}
    assert grades["q-two", 1] == 0 and grades["q-seven", 1] == 0.5 and grades["q-nine", 1] == 1  # N, P and C
    # the means that Inspect itself wrote
    assert sum(grades.values()) / 8 == 0.75
    assert sum(item.scores["match"] for item in log.items) / 8 == 0.625


def test_a_json_file_says_the_same_as_an_archive():
    (archive,), (document,) = read_logs(ARCHIVE), read_logs(DOCUMENT)
    assert sort_items(archive) == sort_items(document)
    assert archive.settings == document.settings


def test_without_ids_keys_are_positions():
    (log,) = read_logs(FIXTURES / "inspect/sums_without_ids.eval")
    assert log.positional and [item.key for item in log.items[:4]] == ["1", "2", "3", "4"]
    assert [item.repeat for item in log.items] == [0] * 4 + [1] * 4


def test_an_archive_without_summaries_is_read_sample_by_sample(repack):
    path = repack(lambda entries: [pair for pair in entries if "summaries" not in pair[0]])
    assert sort_items(read_logs(path)[0]) == sort_items(read_logs(ARCHIVE)[0])


def test_a_sample_may_have_a_folder_of_its_own(repack):
    def change(entries):
        kept = [(name, text) for name, text in entries if "summaries" not in name]
        return [
            (f"{n.removesuffix('.json')}/sample.json" if n.startswith("samples/q-two") else n, t) for n, t in kept
        ] + [("samples/q-two_epoch_1/messages/0.json", "[]")]

    assert sort_items(read_logs(repack(change))[0]) == sort_items(read_logs(ARCHIVE)[0])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_a_sample_that_was_queued_again_the_last_counts(repack):
    def change(entries):
        texts = dict(entries)
        sample = json.loads(texts["samples/q-two_epoch_1.json"])
        sample["scores"]["match"]["value"] = "I"
        kept = [(name, text) for name, text in entries if "summaries" not in name]
        return [*kept, ("samples/q-two_epoch_1.json", json.dumps(sample))]

    items = {(item.key, item.repeat): item for item in read_logs(repack(change))[0].items}
    assert len(items) == 8 and items["q-two", 0].scores["match"] == 0

    def change_summaries(entries):
        listed = json.loads(dict(entries)["summaries.json"])
        again = listed[0] | {"scores": {"match": {"value": "I"}}}
        return [
            *(pair for pair in entries if pair[0] != "summaries.json"),
            ("summaries.json", json.dumps([*listed, again])),
        ]

    assert read_logs(repack(change_summaries))[0].items[0].scores["match"] == 0


def test_a_question_that_a_summary_cuts_is_read_whole(repack):
    def change(entries):
        listed = json.loads(dict(entries)["summaries.json"])
        listed[2]["input"] = "What is 6...\n(content truncated)"
        return [(n, json.dumps(listed) if n == "summaries.json" else t) for n, t in entries]

    assert read_logs(repack(change))[0].items[2].question == "What is 6 times 2?"


def test_samples_that_failed_are_not_scored(repack):
    def change(entries):
        listed = json.loads(dict(entries)["summaries.json"])
        listed[1] |= {"scores": {}, "error": "TimeoutError()"}
        return [(n, json.dumps(listed) if n == "summaries.json" else t) for n, t in entries]

    item = read_logs(repack(change))[0].items[1]
    assert item.key == "q-seven" and set(item.scores.values()) == {None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_header(status="error"), "status 'error'. Run the evaluation to its end"),
        (change_header(status="cancelled"), "status 'cancelled'"),
        (change_header(invalidated=True), "marked as invalid"),
        (change_header(results={"total_samples": 9}), "8 of 9 samples are in the log"),
        (lambda entries: [pair for pair in entries if pair[0] != "header.json"], "not written to its end"),
        (lambda entries: [("words.txt", "hello")], "is no log of Inspect"),
    ],
)
def test_an_evaluation_that_did_not_end_is_refused(repack, change, said):
    with pytest.raises(UserError, match=said):
        read_logs(repack(change))


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_archive_is_told(tmp_path, share):
    content = ARCHIVE.read_bytes()
    path = tmp_path / "cut.eval"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=r"cut\.eval is a damaged archive \(.*\)\. Was it copied"):
        read_logs(path)


def test_a_damaged_entry_is_told(tmp_path):
    content = bytearray(ARCHIVE.read_bytes())
    place = content.rindex(b"header.json", 0, content.index(b"PK\x01\x02"))
    content[place + 30 : place + 60] = bytes(30)
    path = tmp_path / "spoilt.eval"
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged archive"):
        read_logs(path)


def test_the_same_id_twice_is_told_with_both_samples(tmp_path):
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    document["samples"][3] |= {"id": document["samples"][1]["id"], "epoch": document["samples"][1]["epoch"]}
    path = tmp_path / "twice.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UserError, match=r"the samples 2 and 4 have the same id 'q-seven' in the epoch 1"):
        read_logs(path)
