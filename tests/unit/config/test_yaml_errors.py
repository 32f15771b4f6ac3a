"""What people's files have instead of YAML, with the line that is to be mended and how."""

import pytest

from tunelab.config.documents import check_typed, read_document
from tunelab.errors import UserError

UNDER = "does not stand under the lines above it; indent it by as many spaces as what it belongs to"
BEHIND = "text stands behind a closing quote; close each quote where its value ends"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study:\n\tseeds: [1]\n", "line 2 is indented by a tab; indent it by spaces"),
        ("runs:\n  lora:\n \tlabel: x\n", "line 3 is indented by a tab"),
        (
            "study:\n  title: Ours: a trial\n",
            "line 2: a colon and a space stand in the middle of a value; put the value",
        ),
        ("study:\n  title: Ours\n    seeds: [1]\n", "line 3 is indented deeper than line 2, which has a value"),
        ("study:\n    title: Ours\n  seeds: [1]\n", f"line 3 {UNDER}"),
        ("study:\n  title: Ours\n seeds: [1]\n", f"line 3 {UNDER}"),
        ("  study:\n    title: Ours\nruns: {}\n", f"line 3 {UNDER}"),
        ("study:\n  title: Ours\n- lora\n", f"line 3 {UNDER}"),
        ("study:\n  title: |\n    Ours\n   and more\n", f"line 4 {UNDER}"),
        (
            "study:\n  title Ours\n  seeds: [1]\n",
            "line 2 is no key with a value; write a colon and a space behind the key",
        ),
        ("study:\n  title:Ours\n  seeds: [1]\n", "line 2 is no key with a value"),
        ("study:\n  seeds: [1]\n  title:Ours\n", "line 3 is no key with a value"),
        ('study:\n  title: "Ours\n  seeds: [1]\n', "the quote that line 2 opens is never closed"),
        ("study:\n  title: 'it's ours'\n", f"line 2: {BEHIND}"),
        ('study:\n  title: "Ours\n  results: "results/x"\n', f"line 3: {BEHIND}, in the lines before too"),
        (
            "study:\n  seeds: [1, 2\n  title: Ours\n",
            "the [ of line 2 is not closed before line 3, or a comma is missing",
        ),
        (
            "study: {title: Ours: a trial}\n",
            "line 1: a colon and a space stand in the middle of a value; put the value",
        ),
        (
            "study: {title: Ours seeds: [1]}\n",
            "line 1: a colon and a space stand in the middle of a value; put the value",
        ),
        ("study:\n  seeds: [1, 2", "the [ of line 2 is never closed"),
        ("study: {seeds: [1]\nruns:\n  a: 1\n", "the { of line 1 is not closed before line 2"),
        ('{"study": {"seeds": [1]}', "the { of line 1 is never closed"),
        ("study:\n  title: @home\n", "line 2: a value cannot begin with @; put it in quotes"),
        ("study:\n  title: *ours\n", "line 2: a value that begins with * stands for another one"),
        ("study:\n  title: !ours yes\n", "line 2: a value that begins with ! names a type"),
        ("study:\n  title: {{ours}}\n", "line 2: braces within braces are no value; put it in quotes"),
        (
            'study:\n  title: "C:\\new\\study"\n',
            "line 2: \\s means nothing in double quotes; write \\\\s, or take single",
        ),
        ("study:\n  title: >Ours\n    yes\n", "line 2: the text behind | or > begins in the next line"),
        ("study:\n  seeds: - 1\n", "line 2: a list with - begins in a line of its own"),
        ("study: {}\n---\nruns: {}\n", "line 2 begins a second document; drop the ---"),
        (
            "study:\n  title: 2024-13-45\n",
            "line 2: 2024-13-45 cannot be read (month must be in 1..12); put it in quotes",
        ),
        ("study:\n  title: a\0b\n", "line 2 holds a control character (#x00); remove it"),
    ],
)
def test_a_file_that_is_no_yaml_is_told_with_its_line_and_remedy(tmp_path, text, said):
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as told:
        read_document(file)
    assert str(told.value).startswith(f"{file} is not YAML: {said}")
    assert "\n" not in str(told.value)


def test_a_file_of_another_encoding_is_told_with_its_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_bytes("study:\n  title: Café\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"mine\.yaml: line 2 is not UTF-8; save the file as UTF-8 text"):
        read_document(file)


def test_a_study_that_is_named_without_its_folder_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/mine.yaml").touch()
    for named, end in (
        ("mine", ", such as config/mine.yaml."),
        ("mine.yaml", ", such as config/mine.yaml."),
        ("a", "."),
    ):
        with pytest.raises(UserError) as told:
            read_document(tmp_path.relative_to(tmp_path) / named)
        assert str(told.value).endswith(f"name an overlay that exists{end}")


def test_a_mapping_of_the_command_line_that_is_none_is_told():
    check_typed({"study": {"title": "[x"}, "drift": None, "noise": "x"})
    with pytest.raises(UserError, match=r"--config study='\{seeds: \[1' is not YAML: the \[ of line 1 is never closed"):
        check_typed({"study": "{seeds: [1"})
