"""What is no log, or no file, ends in a sentence that names it and says what to name instead."""

import gzip
import json

import pytest
from logs.log_files import FIXTURES, RESULTS, SAMPLES, load, save

from tunelab.errors import UserError
from tunelab.logs.reading import read_logs

ROWS = '{"id": 1, "score": 1}\n{"id": "ä", "score": 0}\n'


def test_a_mark_of_windows_and_blank_lines_are_passed_over(tmp_path):
    for place, text in enumerate((ROWS, "\n" + ROWS.replace("\n", "\r\n\r\n"), ROWS.rstrip())):
        path = tmp_path / f"{place}.jsonl"
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert [item.key for item in read_logs(path)[0].items] == ["1", "ä"]


def test_separators_of_lines_within_texts_are_no_ends_of_rows(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"id": "a\u2028b\x85c", "score": 1}, ensure_ascii=False), encoding="utf-8")
    assert read_logs(path)[0].items[0].key == "a\u2028b\x85c"


def test_a_compressed_file_is_read_whatever_it_is_called(harness):
    packed = harness / "packed"
    packed.write_bytes(gzip.compress((harness / SAMPLES).read_bytes()))
    assert [log.items for log in read_logs(packed)] == [log.items for log in read_logs(harness / SAMPLES)]
    packed.write_bytes(packed.read_bytes()[:-300])
    with pytest.raises(UserError, match=r"packed cannot be unpacked: .*completely"):
        read_logs(packed)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (ROWS.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (ROWS.encode("utf-16-le"), "is UTF-16; save it as UTF-8"),
        (ROWS.encode("latin-1"), "line 2 is not UTF-8 (byte 0xe4"),
        (b"hello\n", "its first line is neither JSON nor CSV"),
        (b"[]", "has no rows"),
        (b'{"name": "x", "size": 3}', "no log of a known kind (its fields are 'name', 'size')"),
        (b'{\n "eval": {},\n "status": "succ', "line 3: no valid JSON, it ends in the middle of a value"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\x28\xb5\x2f\xfd....", "compressed with zstd; unpack it first"),
    ],
)
def test_what_is_no_log_is_told(tmp_path, content, said):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_logs(path)
    assert str(path) in str(caught.value) and said in str(caught.value)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"results": {}, "config_general": {}}, "is lighteval's summary"),
        ({"dataset_name": "a", "model_name": "b", "metrics": []}, "is EvalScope's report"),
        ({"schema_version": "0.2.1", "evaluation_results": []}, "is every-eval-ever's summary"),
        ({"index": 0, "model": "a", "model_output": {}, "messages": []}, "is EvalScope's file of predictions"),
    ],
)
def test_a_file_that_a_tool_writes_besides_says_which_one_to_name(tmp_path, document, said):
    path = save(tmp_path / "other.json", [document])
    with pytest.raises(UserError) as caught:
        read_logs(path)
    assert said in str(caught.value) and "which has no points of single items. Name " in str(caught.value)


def test_so_do_those_of_lm_eval_and_opencompass():
    with pytest.raises(UserError, match=r"is lm-eval's summary.* Name samples_<task>_<time>\.jsonl"):
        read_logs(FIXTURES / "lm_eval" / RESULTS)
    with pytest.raises(UserError, match="is OpenCompass's file of predictions"):
        read_logs(FIXTURES / "opencompass/predictions/tiny/legs_twice_0.json")
    with pytest.raises(UserError, match=r"no metric is a number in every item \(word_perplexity holds \[-99"):
        read_logs(FIXTURES / "lm_eval" / SAMPLES.replace("sums", "texts"))


def test_folders_and_missing_files_are_told(tmp_path):
    with pytest.raises(UserError, match=r"is a folder\. Name the files in it"):
        read_logs(tmp_path)
    with pytest.raises(UserError, match=r"gone\.jsonl does not exist"):
        read_logs(tmp_path / "gone.jsonl")


def test_rows_of_another_kind_among_a_tools_rows_are_told(harness):
    save(harness / SAMPLES, [*load(harness / SAMPLES), {"id": 1, "score": 1}])
    with pytest.raises(UserError, match=r"line 13 is no sample of lm-eval"):
        read_logs(harness / SAMPLES)


@pytest.mark.parametrize(
    "row",
    [
        {"doc_id": 0, "doc": {}, "resps": [], "metrics": 5},
        {"doc_id": 0, "doc": {}, "resps": [], "arguments": {"gen_args_0": 1}},
        {"index": 0, "sample_score": {"score": [1]}},
        {"schema_version": "1", "evaluation_name": "a", "sample_id": "b", "evaluation": {}, "input": []},
        {"eval": {}, "plan": {}, "status": "success", "samples": [{"id": 1}]},
        {"details": [1]},
        {"details": {"0": {"correct": {"a": 1}}}},
    ],
)
def test_what_only_begins_like_a_log_is_told(tmp_path, row):
    path = save(tmp_path / "mine.jsonl", [row])
    with pytest.raises(UserError, match=r"mine\.jsonl"):
        read_logs(path)
