"""The lock files, the conda environments and pyproject.toml name the same things."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires

import pytest
import yaml
from packaging.requirements import Requirement
from project_files import PROJECT, RULES, list_code, list_imports, read_rules

ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(name: str = "requirements.lock") -> dict[str, str]:
    text = (PROJECT / name).read_text(encoding="utf-8")
    return {normalise(package): version for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.M)}


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
    assert len(lock) > 50
    assert pins == {name: lock.get(name) for name in pins}


def test_the_locks_hold_every_direct_dependency():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    study, groups = project["project"]["dependencies"], project["dependency-groups"]
    assert {normalise(Requirement(line).name) for line in study} - set(read_lock()) == set()
    assert len(study) > 20
    for group, needed in groups.items():
        assert needed, group
        names = {normalise(Requirement(line).name) for line in needed if isinstance(line, str)}
        assert names - set(read_lock(f"requirements-{group}.lock")) == set()


def list_groups() -> dict[str, list[str]]:
    """Return the dependency groups, each with its requirements."""
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]


LOCKS = sorted(path.name for path in PROJECT.glob("requirements*.lock"))


def test_the_study_needs_no_tool_of_some_and_all_locks_pin_the_same_versions():
    assert {"requirements.lock", *(f"requirements-{group}.lock" for group in list_groups())} == set(LOCKS)
    study = read_lock()
    assert {"pytest", "playwright", "ruff", "snakemake-executor-plugin-slurm"} & set(study) == set()
    for lock in LOCKS:
        pins = read_lock(lock)
        assert {name: version for name, version in pins.items() if study.get(name, version) != version} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock):
    text = (PROJECT / lock).read_text(encoding="utf-8")
    assert len(re.findall(r"^[\w.-]+==.* \\\n    --hash=sha256:[0-9a-f]{64}", text, re.M)) == len(read_lock(lock))


def test_the_cpu_build_is_of_the_locked_pytorch_and_leaves_out_its_cuda_libraries():
    text = (PROJECT / "envs/torch-cpu.txt").read_text(encoding="utf-8")
    assert re.findall(r"^torch==(.+?)\+cpu \\$", text, re.M) == [read_lock()["torch"]]
    cuda = {name for name in read_lock() if re.match(r"nvidia-|cuda-|triton$", name)}
    assert len(cuda) > 10
    assert set(re.findall(r"^(\S+) ; sys_platform == 'never'$", text, re.M)) == cuda


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


def test_the_comparison_of_logs_needs_no_package_beyond_its_small_environment():
    allowed = read_lock("requirements-compare.lock")
    assert {"numpy", "scipy", "matplotlib", "pydantic"} <= set(allowed)
    found = packages_distributions()
    others = [name for name, owners in found.items() if not {normalise(owner) for owner in owners} & set(allowed)]
    assert {"torch", "snakemake", "pyarrow"} <= set(others)
    command = [sys.executable, "-c", WITHOUT, str(PROJECT / "scripts"), *others]
    told = subprocess.run(command, check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr.splitlines()[-1]


# imports the command where these packages cannot be imported
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[2:] and not name.startswith("tunelab"):
            raise ModuleNotFoundError(f"No module named {name}", name=name)
sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv[1])
import compare_logs
"""
