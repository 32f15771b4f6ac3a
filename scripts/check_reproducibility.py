"""Run the smoke study in two fresh clones of the current commit and compare what they wrote, timings aside.

A tool for people, not a stage:  make reproduce-check [CONFIG=config/smoke.yaml]
Exit code 1 if anything differs. On GPUs, or with other numbers of threads, numbers need not be bit-equal.
"""

import shutil
import tempfile
from pathlib import Path

from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool
from tunelab.upkeep.verification import (
    clone_checkout,
    compare_studies,
    describe_checkout,
    differ,
    render_comparison,
    run_study,
)

SMOKE = [Path("config/smoke.yaml")]


def main(configfile: list[Path]) -> int:
    configfile = configfile or SMOKE
    results = read_config(configfile).study.results
    place = Path(tempfile.mkdtemp(prefix="reproduce-"))
    print(f"{', '.join(map(str, configfile))} twice, from {describe_checkout(Path.cwd())}", flush=True)
    for name in ("first", "second"):
        clone_checkout(Path.cwd(), place / name)
        print(f"running in {place / name} …", flush=True)
        run_study(place / name, configfile)
    compared = compare_studies(place / "first" / results, place / "second" / results)
    print(render_comparison(compared))
    if differ(compared):
        print(f"Both clones stay in {place}.")
        return 1
    shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
