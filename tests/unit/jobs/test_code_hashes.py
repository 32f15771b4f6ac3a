import json

import pytest

from tunelab.jobs import provenance
from tunelab.jobs.provenance import MEMORY, read_code, remember_code

TEXT = '"""Roots."""\n\nimport math\nfrom tunelab import words\n\n\ndef draw(x):\n    return math.sqrt(x)\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forget()
    yield tmp_path
    forget()


def forget():
    """Be another process."""
    provenance._recall.cache_clear()


@pytest.fixture
def parsed(monkeypatch):
    """The names of the files that were parsed, in order."""
    names, parse = [], provenance._parse
    monkeypatch.setattr(provenance, "_parse", lambda content, name: names.append(name) or parse(content, name))
    return names


def test_another_process_need_not_parse_what_was_remembered(folder, parsed):
    (folder / "a.py").write_text(TEXT)
    first = read_code(folder / "a.py")
    assert first.imports == ["math", "tunelab.words"]
    remember_code()
    forget()
    assert read_code(folder / "a.py") == first
    assert parsed == [str(folder / "a.py")]


def test_what_is_remembered_belongs_to_the_bytes_and_to_no_place_or_time(folder, parsed):
    (folder / "a.py").write_text(TEXT)
    first = read_code(folder / "a.py")
    remember_code()
    forget()
    (folder / "b.py").write_text(TEXT)
    (folder / "a.py").write_text(TEXT.replace("sqrt", "exp"))
    assert read_code(folder / "b.py") == first
    assert read_code(folder / "a.py").digest != first.digest
    assert parsed == [str(folder / "a.py")] * 2


def test_two_processes_add_to_one_memory(folder, parsed):
    for name in ("a", "b"):
        (folder / f"{name}.py").write_text(f"import {name}\n")
    read_code(folder / "a.py")
    other = provenance._recall()
    forget()
    read_code(folder / "b.py")
    remember_code()
    forget()
    provenance._recall().clear()
    provenance._recall().update(other)
    remember_code()
    forget()
    assert [read_code(folder / f"{name}.py").imports for name in ("a", "b")] == [["a"], ["b"]]
    assert len(parsed) == 2
    assert [path.name for path in MEMORY.parent.iterdir()] == [MEMORY.name]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": {}}', "another parser", b"\xff"])
def test_a_memory_that_cannot_be_trusted_is_read_anew(folder, parsed, damage):
    (folder / "a.py").write_text(TEXT)
    first = read_code(folder / "a.py")
    remember_code()
    if damage == "another parser":
        damage = json.dumps(json.loads(MEMORY.read_text()) | {"by": "another"})
    MEMORY.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    for _ in range(2):
        forget()
        assert read_code(folder / "a.py") == first
        remember_code()
    assert len(parsed) == 2


def test_where_nothing_can_be_written_everything_is_read(folder, parsed):
    (folder / "a.py").write_text(TEXT)
    MEMORY.parent.write_text("a file where the folder would be")
    read_code(folder / "a.py")
    remember_code()
    forget()
    assert read_code(folder / "a.py").digest
    assert len(parsed) == 2
