import importlib.metadata
from pathlib import Path

import pytest

from tunelab.config.specs.evaluation import GenerationSpec
from tunelab.jobs import provenance
from tunelab.jobs.provenance import build_facts, flatten, hash_source, hash_sources, list_project_files

PROJECT = {
    "train.py": "from tunelab import sft\nfrom tunelab.jobs.job import run_as_job\n\n\n"
    "def main():\n    return sft.step()\n",
    "tunelab/__init__.py": '"""A library."""\n',
    "tunelab/sft.py": '"""Train."""\n\nfrom tunelab.config.specs.base import Spec\n\n\n'
    'def step():\n    """Do a step."""\n    from tunelab.deep import noise\n\n    return noise.draw(1)\n',
    "tunelab/deep/__init__.py": "",
    "tunelab/deep/noise.py": "import math\n\n\ndef draw(x):\n    return math.sqrt(x)\n",
    "tunelab/config/specs/base.py": "from tunelab.hidden import Spec\n",
    "tunelab/errors.py": "X = 1\n",
    "tunelab/jobs/job.py": "from tunelab.errors import X\n",
    "tunelab/hidden.py": "class Spec: pass\n",
    "tunelab/unused.py": "X = 1\n",
}


def hash_project(folder: Path, **changes: str) -> dict[str, str]:
    """Write the project with some files changed (named by their stem) and hash what train.py is made of."""
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changes.get(path.stem, text), encoding="utf-8")
    hash_sources.cache_clear()
    provenance._read_source.cache_clear()
    return dict(hash_sources(folder / "train.py"))


def test_the_files_are_those_imported_at_any_depth_without_the_declarations(tmp_path):
    assert list(hash_project(tmp_path)) == [
        "train.py",
        "tunelab/__init__.py",
        "tunelab/deep/__init__.py",
        "tunelab/deep/noise.py",
        "tunelab/sft.py",
    ]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("noise", '"""Noise."""\n\nimport math  # roots\n\n\ndef draw(x):\n    # always\n    return math.sqrt(x)\n'),
        ("noise", "import math\ndef draw(\n    x,\n):\n    return (math.sqrt(x))\n"),
        ("sft", PROJECT["tunelab/sft.py"].replace("Do a step.", "Do one step of the training.")),
        ("sft", PROJECT["tunelab/sft.py"].replace('"""Train."""', "# no docstring")),
        ("sft", PROJECT["tunelab/sft.py"].replace("\n", "\r\n")),
        ("__init__", '"""Another docstring."""\n'),
        ("base", "X = 2\n"),
        ("errors", "X = 2\n"),
        ("job", "X = 2\n"),
        ("hidden", "X = 2\n"),
        ("unused", "X = 2\n"),
    ],
)
def test_comments_layout_docstrings_declarations_and_strangers_change_nothing(tmp_path, file, text):
    assert hash_project(tmp_path, **{file: text}) == hash_project(tmp_path)


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"noise": PROJECT["tunelab/deep/noise.py"].replace("sqrt", "exp")}, {"tunelab/deep/noise.py"}),
        ({"noise": "import math\n\n\ndef draw(y):\n    return math.sqrt(y)\n"}, {"tunelab/deep/noise.py"}),
        ({"sft": PROJECT["tunelab/sft.py"].replace("draw(1)", "draw(1.0)")}, {"tunelab/sft.py"}),
        ({"train": PROJECT["train.py"].replace("step()", "step() or 1")}, {"train.py"}),
        ({"__init__": "X = 1\n"}, {"tunelab/__init__.py", "tunelab/deep/__init__.py"}),
    ],
)
def test_a_real_edit_changes_the_hash_of_its_file_alone(tmp_path, changes, changed):
    before, after = hash_project(tmp_path), hash_project(tmp_path, **changes)
    assert {file for file in before | after if before.get(file) != after.get(file)} == changed


def test_a_text_that_is_no_docstring_counts(tmp_path):
    one, other = (f"def draw(x):\n    return {text!r}\n" for text in ("one", "other"))
    assert hash_project(tmp_path, noise=one) != hash_project(tmp_path, noise=other)


def test_a_new_import_adds_a_fact(tmp_path):
    more = PROJECT["tunelab/deep/noise.py"].replace("import math", "import math\nimport tunelab.unused")
    assert set(hash_project(tmp_path, noise=more)) - set(hash_project(tmp_path)) == {"tunelab/unused.py"}


def test_a_circle_of_imports_ends(tmp_path):
    circle = PROJECT["tunelab/deep/noise.py"].replace("import math", "import math\n\nfrom tunelab import sft")
    assert len(hash_project(tmp_path, noise=circle)) == 5


def test_a_missing_script_fails(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.py"):
        build_facts("run", {}, tmp_path / "nothing.py")


def test_a_section_gives_one_fact_per_leaf_in_the_order_of_keys(tmp_path):
    section = {"b": {"z": [1, 2], "a": None}, "a": "1", "empty": {}, "text": "{question} 'x'\n"}
    facts = [line for line in build_facts("runs.x", section, write_script(tmp_path)) if not line.startswith("code")]
    assert facts == [
        "runs.x.a = '1'",
        "runs.x.b.a = None",
        "runs.x.b.z = [1, 2]",
        "runs.x.empty = {}",
        "runs.x.text = \"{question} 'x'\\n\"",
    ]


def test_a_typed_section_lists_its_defaults_too():
    facts = dict(flatten("generation", GenerationSpec(max_new_tokens=8)))
    assert len(facts) == len(GenerationSpec.model_fields)
    assert facts["generation.max_new_tokens"] == 8
    assert facts["generation.do_sample"] is False


def test_a_single_value_is_one_fact():
    assert list(flatten("tasks.sums.kind", "maths")) == [("tasks.sums.kind", "maths")]


def test_swapped_values_change_the_facts(tmp_path):
    script = write_script(tmp_path)
    assert set(build_facts("x", {"a": 1, "b": 2}, script)) != set(build_facts("x", {"a": 2, "b": 1}, script))


def test_packages_are_listed_with_their_versions(tmp_path):
    facts = build_facts("x", {}, write_script(tmp_path), ["pydantic", "numpy"])
    versions = [importlib.metadata.version(name) for name in ("pydantic", "numpy")]
    assert facts[-2:] == [f"package pydantic = {versions[0]}", f"package numpy = {versions[1]}"]


def test_a_package_that_is_not_installed_fails_loudly(tmp_path):
    with pytest.raises(importlib.metadata.PackageNotFoundError, match="no-such-package"):
        build_facts("x", {}, write_script(tmp_path), ["no-such-package"])


def test_what_a_file_from_elsewhere_imports_of_the_project_is_listed(tmp_path):
    hash_project(tmp_path / "project")
    file = tmp_path / "mine.py"
    file.write_text("import re\nfrom tunelab.deep import noise\nimport tunelab.sft\nimport other\n", encoding="utf-8")
    (tmp_path / "other.py").write_text("", encoding="utf-8")
    assert set(list_project_files(file, tmp_path / "project")) == {
        *("tunelab/__init__.py", "tunelab/sft.py", "tunelab/deep/__init__.py", "tunelab/deep/noise.py"),
    }


def test_a_mark_that_editors_put_first_is_no_edit(tmp_path):
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_bytes(b"X = '\xc3\xa9'\n")
    other.write_bytes(b"\xef\xbb\xbfX = '\xc3\xa9'\r\n")
    assert hash_source(one) == hash_source(other)


def write_script(folder: Path) -> Path:
    script = folder / "script.py"
    script.write_text("X = 1\n", encoding="utf-8")
    return script
