"""requirements.lock, the conda environments and pyproject.toml name the same things."""

import re
import tomllib
from importlib.metadata import packages_distributions, requires

import pytest
import yaml
from packaging.requirements import Requirement
from project_files import PROJECT, RULES, list_code, list_imports, read_rules

ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock() -> dict[str, str]:
    lines = (PROJECT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s;]+)(?: *;.*)?(?: *\\)?", line.strip()) for line in lines]
    return {normalise(pin[1]): pin[2] for pin in pins if pin}


def read_pins(path) -> dict[str, str]:
    *_, last = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    return {normalise(name): version for name, version in (line.split("==") for line in last["pip"])}


def list_needed(name: str, found: set[str]) -> set[str]:
    """Add to `found` a distribution and all that it needs, as installed here."""
    if normalise(name) not in found:
        found.add(normalise(name))
        for requirement in map(Requirement, requires(name) or []):
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                list_needed(requirement.name, found)
    return found


@pytest.fixture(scope="module")
def owners():
    """The distributions that each module is from; looking through all of them takes a second."""
    return packages_distributions()


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_pins_what_the_lock_pins(path):
    lock, pins = read_lock(), read_pins(path)
    assert len(ENVIRONMENTS) == 3
    assert len(lock) > 50
    assert pins == {name: lock.get(name) for name in pins}


def test_the_lock_holds_every_direct_dependency():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    assert {normalise(name) for name in direct} - set(read_lock()) == set()
    assert len(direct) > 20


@pytest.mark.parametrize("rule", [name for name in read_rules() if f"{name}.py" in RULES])
def test_an_environment_holds_all_that_its_stage_imports(rule, owners):
    environment = re.search(r"envs/(\w+)\.yaml", read_rules()[rule])[1]
    available = set()
    for name in read_pins(PROJECT / f"envs/{environment}.yaml"):
        list_needed(name, available)
    missing = {}
    for file in list_code(rule):
        for module in list_imports(file):
            distributions = {normalise(name) for name in owners.get(module.split(".")[0], [])}
            if distributions and not distributions & available:
                missing[module] = file.name
    assert missing == {}
