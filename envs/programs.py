"""Install what tests use besides Python, on Debian and Ubuntu, once it is said and, at a terminal, agreed to.

    python envs/programs.py [none]

Without a terminal nobody can be asked, so it installs: a server's tests need them. Tests say themselves what they miss.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.geteuid() == 0


def main(chosen: str = "") -> int:
    if chosen not in ("", "none"):
        print(f"PROGRAMS={chosen} names no choice: say none, or leave it out.", file=sys.stderr)
        return 2
    missing = {} if chosen else find_missing()
    if not missing:
        return 0
    command = [*([] if ROOT else ["sudo"]), "apt-get"]
    print("Tests use programs that this machine has not got:")
    print("".join(f"  {purpose}: {needed}\n" for purpose, needed in missing.items()), end="")
    if not shutil.which("apt-get"):
        print("Install them by hand; these are Debian's names of packages.")
        return 0
    print(
        f"`{' '.join(command)} install` puts them into the system, outside .venv; `make test PROGRAMS=none` does not."
    )
    print("Tests that miss one fail, or are skipped, and name it.", flush=True)
    if not agree():
        print("Nothing is installed.")
        return 0
    subprocess.run([*command, "update", "-qq"])
    for needed in missing.values():  # one by one, since not every system has them all
        if subprocess.run([*command, "install", "-y", "--no-install-recommends", *needed.split()]).returncode:
            print(f"apt-get could not install {needed}.", file=sys.stderr)
    return 0


def find_missing() -> dict[str, str]:
    """Return Debian's packages of what is missing, by what tests do with it."""
    found = {
        "to open the page": ("chromium-headless-shell", has("chromium-headless-shell") or has("chromium")),
        "to compile papers": (
            "texlive-xetex texlive-lang-chinese lmodern",
            has("xelatex") and tells("kpsewhich", "ctexart.cls"),
        ),
        "to read PDF files": ("poppler-utils", has("pdftotext")),
        "to draw Chinese figures": ("fonts-noto-cjk", tells("fc-list", ":lang=zh")),
    }
    if ROOT:  # nobody else can start its daemons
        found["to run a study on Slurm"] = ("slurm-wlm munge", has("munged") and has("slurmctld"))
    return {purpose: packages for purpose, (packages, there) in found.items() if not there}


def has(program: str) -> bool:
    return shutil.which(program) is not None


def tells(program: str, question: str) -> bool:
    """Say whether a program is there and has an answer."""
    return has(program) and bool(subprocess.run([program, question], capture_output=True).stdout.strip())


def agree() -> bool:
    if not sys.stdin.isatty():
        print("There is no terminal to ask at, so they are installed now.", flush=True)
        return True
    print("Install them? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
