"""What runs before a commit and on a server is what `make` runs here."""

import re
import tomllib

import yaml
from packaging.version import Version
from project_files import PROJECT

MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")


def list_recipe(target: str) -> list[str]:
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.M)[1]
    return [line.strip().replace("$(VENV)", ".venv") for line in recipe.splitlines()]


def test_the_hooks_before_a_commit_run_what_make_lint_runs():
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (repository,) = config["repos"]
    assert repository["repo"] == "local"  # programs of .venv, whose versions the lock says
    hooks = repository["hooks"]
    # pre-commit starts programs without a shell
    entries = [re.sub(r'^env |^sh -c "(.*)"$', r"\1", hook["entry"]) for hook in hooks]
    assert entries == list_recipe("lint")
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in hooks)


def test_the_server_runs_make_test_with_pinned_actions_and_may_only_read():
    workflow = yaml.safe_load((PROJECT / ".github/workflows/test.yaml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert 0 < job["timeout-minutes"] <= 120 and "permissions" not in job
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == "make test"
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert len(actions) == 2
    assert all(re.fullmatch(r"actions/\w+@[0-9a-f]{40}", action) for action in actions)


def test_the_locked_snakemake_is_as_new_as_the_workflow_asks():
    (least,) = re.findall(r'^min_version\("(.*)"\)', (PROJECT / "Snakefile").read_text(encoding="utf-8"), re.M)
    (locked,) = re.findall(r"^snakemake==(\S+)", (PROJECT / "requirements.lock").read_text(encoding="utf-8"), re.M)
    assert Version(least) <= Version(locked)


def test_a_small_guide_names_what_exists():
    guide = (PROJECT / "AGENTS.md").read_text(encoding="utf-8")
    assert len(guide.splitlines()) <= 50  # a screen
    targets = set(re.findall(r"\bmake ([a-z][a-z-]*)", guide))
    assert {"lint", "test", "test-fast", "schema", "lock"} <= targets
    assert targets <= set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.M))
    files = re.findall(r"\b((?:config|docs|reports|tests|scripts)/[\w./-]+\.\w+)", guide)
    assert len(files) > 5
    assert [name for name in files if not (PROJECT / name).is_file()] == []


def test_the_newest_release_of_the_changelog_is_the_version_of_the_project():
    (newest, date), *_ = re.findall(
        r"^## (\d+\.\d+\.\d+)(?: – (\S+))?$", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M
    )
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"] == newest
    assert str(citation["date-released"]) == date
