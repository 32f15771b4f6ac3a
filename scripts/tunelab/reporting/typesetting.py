"""Make a PDF of a paper with the LaTeX of this machine.

A paper's first line names the program that it needs, as editors read it: `% !TEX program = xelatex`.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tunelab.errors import UserError
from tunelab.values import list_names

SECONDS = 600  # after which a program is stopped


def typeset(sources: list[Path], figures: list[Path]) -> bytes:
    """Return the PDF of `paper.tex` among the sources; figures lie in a folder beside theirs.

    Raises:
        UserError: if a program is missing or stops, or the fonts lack signs of the texts.
    """
    paper = next(path for path in sources if path.name == "paper.tex")
    program = re.match(r"% !TEX program = (\w+)\n", paper.read_text(encoding="utf-8"))[1]
    for name in (program, "bibtex"):
        if not shutil.which(name):
            raise UserError(
                f"{name} is not installed, so there is no PDF of the paper; its sources are in {paper.parent}. "
                "`make programs` installs what is missing on Debian and Ubuntu."
            )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "paper"
        for path in (*sources, *figures):
            place = folder if path in sources else Path(temporary) / "figures"
            place.mkdir(exist_ok=True)
            shutil.copy(path, place)
        latex = [program, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper"]
        for command in (latex, ["bibtex", "paper"], latex, latex):
            _run(command, folder)
        _check_signs((folder / "paper.log").read_text(encoding="utf-8", errors="replace"))
        return (folder / "paper.pdf").read_bytes()


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{command[0]} was not done after {SECONDS} seconds and was stopped; try "
            f"`{' '.join(command)}` in a copy of the paper's folder."
        ) from error
    print(done.stdout)
    if done.returncode:
        told = [line for line in done.stdout.splitlines() if re.match(r"! |l\.\d+|.*---line \d+", line)]
        raise UserError(f"{command[0]} stopped: {' '.join(told[:2]) or done.stdout[-200:]}; its log is above.")


def _check_signs(log: str) -> None:
    missing = sorted(set(re.findall(r"Missing character: There is no (\S+)", log)))
    if missing:
        raise UserError(
            f"The fonts of this LaTeX lack {list_names(missing)}, so the PDF would leave them out. Write labels "
            "without them, or set fonts that have them (\\setmainfont) in a copy of paper.tex."
        )
