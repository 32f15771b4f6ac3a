"""The rooms are those in the linter's layers, and each says what it is for and what it must never know."""

import ast
import tomllib

from project_files import LIBRARY, PROJECT, SCRIPTS, STAGES, list_code, list_files

ROOMS = [path for path in sorted((SCRIPTS / "tunelab").iterdir()) if path.is_dir() and path.name != "__pycache__"]


def read_layers() -> list[str]:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    assert contract["exhaustive"]
    return contract["layers"]


def test_every_room_has_its_place_in_the_order():
    *rooms, ground = read_layers()
    assert sorted(rooms) == [room.name for room in ROOMS]
    modules = {path.stem for path in LIBRARY if path.parent.name == "tunelab"}
    assert set(ground.split(" : ")) == modules - {"__init__"}


def test_every_room_says_what_it_is_for_and_what_it_must_never_know():
    tracked = set(list_files())
    for room in ROOMS:
        assert room / "__init__.py" in tracked, f"git does not take {room.name}/__init__.py"
        tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
        assert len(tree.body) == 1  # nothing that an import would run
        said = ast.get_docstring(tree)
        assert "never" in said.split(), room.name


def test_no_stage_knows_what_only_people_see():
    rooms = {path.parent.name for stage in STAGES for path in list_code(stage.stem)}
    assert rooms >= {"jobs", "training"} and not rooms & {"upkeep", "watching"}


def test_tests_lie_in_the_rooms_of_what_they_test():
    folders = {path.parent.name for path in (PROJECT / "tests/unit").rglob("test_*.py")} - {"unit"}
    assert folders == {room.name for room in ROOMS}


def test_the_design_names_every_room():
    text = (PROJECT / "docs/design.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1].rstrip("/") for line in text.splitlines() if line.startswith("| `")]
    assert rows == list(reversed(read_layers()[:-1]))
