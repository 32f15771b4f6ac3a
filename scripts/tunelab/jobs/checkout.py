"""Ask git about this project's own checkout, never about a repository that happens to contain it."""

import os
import re
import subprocess
from pathlib import Path

# git sets these while it runs a hook; they name the repository of the hook
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")

# how git writes that a repository is on the web: https://host/path, ssh://git@host/path, git@host:path
ADDRESS = re.compile(
    r"((https?|ssh|git)://([^@/]*@)?|[\w.-]+@)(?P<host>[\w.-]+)(:\d+)?[:/](?P<path>[\w./~-]+?)(\.git)?/?"
)


def run_git(folder: Path, *arguments: str) -> str:
    """Return what git prints in `folder`, without trailing line breaks; folders above it are not searched.

    Raises:
        OSError: if git is not there.
        subprocess.CalledProcessError: if git refuses, as outside a repository.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    ceiling = {"GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=inherited | ceiling,
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    ).stdout.rstrip()


def find_address(folder: Path) -> str | None:
    """Return the web address that the checkout in `folder` was cloned from; None if there is none.

    A name, password, token or port in it is left out.
    """
    try:
        found = ADDRESS.fullmatch(run_git(folder, "config", "--get", "remote.origin.url"))
    except (OSError, subprocess.CalledProcessError):
        return None
    return found and f"https://{found['host']}/{found['path']}"
