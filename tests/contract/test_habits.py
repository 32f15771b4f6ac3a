"""What runs before a commit and on a server is what `make` runs here."""

import re

import yaml
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
    assert [hook["entry"].removeprefix("env ") for hook in hooks] == list_recipe("lint")
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in hooks)
