"""Write Snakemake's own report of a finished study beside its page: how each artefact was made.

A tool for people, not a stage:  make provenance [CONFIG=config/blog.yaml]
"""

import subprocess
import sys
from pathlib import Path

from tunelab.errors import UserError
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool


def main(configfile: list[Path]) -> int:
    results = Path(read_config(configfile).study.results)
    page, provenance = results / "report.html", results / "provenance.html"
    if not page.is_file():
        raise UserError(f"{page} is not made yet; run `make report` first, with the same CONFIG.")
    overlays = ["--configfile", *map(str, configfile)] if configfile else []
    done = subprocess.run([sys.executable, "-m", "snakemake", "--report", str(provenance), *overlays])
    if not done.returncode:
        print(f"{provenance} tells how each artefact of {page} was made.")
    return done.returncode


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
