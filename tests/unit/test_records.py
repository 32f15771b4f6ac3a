import hashlib

import pytest

from tunelab import records


def write_until_it_breaks(rows):
    yield from rows
    raise RuntimeError("the disk of the writer, say")


@pytest.mark.parametrize("before", [None, "the old file\n"])
def test_a_failed_write_leaves_what_was_there(tmp_path, before):
    path = tmp_path / "answers.jsonl"
    if before:
        path.write_text(before, encoding="utf-8")
    with pytest.raises(RuntimeError):
        records.write_jsonl(path, write_until_it_breaks([{"id": "a"}]))
    assert (path.read_text(encoding="utf-8") if path.exists() else None) == before
    assert [file.name for file in tmp_path.iterdir()] == (["answers.jsonl"] if before else [])


def test_a_finished_write_replaces_the_old_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "new" / "folder" / "answers.jsonl"
    for rows in ([{"id": "a"}, {"id": "b"}], [{"id": "c"}]):
        records.write_jsonl(path, rows)
    assert records.read_jsonl(path) == [{"id": "c"}]
    assert [file.name for file in path.parent.iterdir()] == ["answers.jsonl"]


def test_the_file_has_no_name_before_it_is_complete(tmp_path):
    with records.whole_file(tmp_path / "card.json") as file:
        file.write("{")
        assert not (tmp_path / "card.json").exists()
    assert (tmp_path / "card.json").read_text(encoding="utf-8") == "{"


def test_a_binary_file_is_written_whole_as_well(tmp_path):
    with records.whole_file(tmp_path / "a.bin", "wb") as file:
        file.write(b"\x00\xff\r\n")
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\xff\r\n"


def test_json_lines_are_unescaped_utf8_with_one_record_per_line(tmp_path):
    rows = [{"content": "回答问题 – naïve 😀"}, {"content": "two\nlines\u2028and a separator"}]
    records.write_jsonl(tmp_path / "a.jsonl", rows)
    written = (tmp_path / "a.jsonl").read_bytes()
    assert written.startswith('{"content": "回答问题 – naïve 😀"}\n'.encode())
    assert written.count(b"\n") == 2
    assert records.read_jsonl(tmp_path / "a.jsonl") == rows


def test_json_is_unescaped_utf8_and_ends_with_a_newline(tmp_path):
    records.write_json(tmp_path / "a.json", {"b": "é", "a": [1, 0.1, None, True]})
    assert (tmp_path / "a.json").read_bytes().endswith(b"\n}\n")
    assert "é".encode() in (tmp_path / "a.json").read_bytes()
    assert records.read_json(tmp_path / "a.json") == {"b": "é", "a": [1, 0.1, None, True]}


def test_text_is_written_as_it_is(tmp_path):
    records.write_text(tmp_path / "page.html", "<p>é</p>\r\n")
    assert (tmp_path / "page.html").read_bytes() == "<p>é</p>\r\n".encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_know_is_refused(tmp_path, number):
    for write, value in ((records.write_json, {"loss": number}), (records.write_jsonl, [{"loss": number}])):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write(tmp_path / "metrics.json", value)
    assert not (tmp_path / "metrics.json").exists()


def test_a_manifest_lists_files_of_all_depths_by_path(tmp_path):
    for name, text in {"b.txt": "bb", "a/z.txt": "", "a.txt": "a"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert records.build_manifest(tmp_path) == [
        {"path": "a/z.txt", "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()},
        {"path": "a.txt", "bytes": 1, "sha256": hashlib.sha256(b"a").hexdigest()},
        {"path": "b.txt", "bytes": 2, "sha256": hashlib.sha256(b"bb").hexdigest()},
    ]


def test_a_file_is_hashed_by_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert records.hash_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
