"""Generated files are in step, files stay short, and the project speaks only of itself."""

import re

import pytest
from project_files import LIBRARY, PROJECT, SCRIPTS, list_files

from tunelab.config import arguments
from tunelab.upkeep import schema

README, MAKEFILE = PROJECT / "README.md", PROJECT / "Makefile"
CEILINGS = [(path, 300) for path in LIBRARY]
CEILINGS += [(path, 60) for path in sorted(SCRIPTS.glob("*.py"))]
CEILINGS += [(PROJECT / "Snakefile", 80), (README, 200), *((path, 200) for path in (PROJECT / "rules").glob("*.smk"))]


@pytest.mark.parametrize(("path", "model"), schema.SCHEMAS.items())
def test_a_published_schema_is_what_the_code_validates(path, model):
    assert (PROJECT / path).read_text(encoding="utf-8") == schema.render_schema(model), "run `make schema`"


def test_the_listed_arguments_are_those_of_the_installed_libraries():
    # some ten seconds: it imports TRL
    assert arguments.FILE.read_text(encoding="utf-8") == schema.render_arguments(), "run `make schema`"


def test_no_file_is_longer_than_its_ceiling():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path, _ in CEILINGS if path.exists()}
    assert len(lengths) > 50
    assert {path.name: lengths[path] for path, most in CEILINGS if lengths.get(path, 0) > most} == {}


def test_no_file_names_a_place_outside_the_project():
    files = list_files()
    assert len(files) > 70
    outside = re.compile(r"(?<![\w.:/<>-])/(?:work|root|home|Users|tmp|mnt)/\w|\.\./shared")
    named = {path.name: outside.findall(path.read_text(encoding="utf-8", errors="replace")) for path in files}
    assert {name: found for name, found in named.items() if found} == {}


def test_every_text_ends_with_one_newline_and_has_no_tab_or_trailing_space():
    for path in list_files():
        if path.suffix in (".py", ".smk", ".yaml", ".md", ".j2", ".toml", ".rst") or path.name == "Snakefile":
            text = path.read_text(encoding="utf-8")
            assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), path.name
            assert not re.search(r"[ \t]$|\t", text, re.M), path.name


@pytest.mark.skipif(not (README.exists() and MAKEFILE.exists()), reason="README.md or Makefile is not written yet")
def test_the_readme_mentions_only_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z][\w-]*)\s*:(?!=)", MAKEFILE.read_text(encoding="utf-8"), re.M))
    mentioned = set(
        re.findall(r"\bmake ([a-z][\w-]*)\b(?=`|\n| +[A-Z]+=| *#| +\|)", README.read_text(encoding="utf-8"))
    )
    assert {"report", "test"} <= mentioned
    assert mentioned <= targets


@pytest.mark.skipif(not README.exists(), reason="README.md is not written yet")
def test_the_readme_mentions_only_files_that_exist():
    text = README.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"(?<![\w/.-])((?:config|rules|scripts|envs|profiles|reports|tests)/[\w./-]*\w)", text))
    assert mentioned
    # what a reader is told to write
    assert [name for name in sorted(mentioned) if not (PROJECT / name).exists()] == [
        "config/mine.yaml",
        "config/rft.yaml",
    ]
