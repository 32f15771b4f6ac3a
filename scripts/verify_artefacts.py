"""Hash every artefact again and name what is not as its provenance card says.

A tool for people, not a stage:  make verify [CONFIG=config/blog.yaml]
Without a config it looks at every study in results/. Exit code 1 if anything differs.
"""

from pathlib import Path

from tunelab.errors import UserError
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.result_files import list_cards, list_studies
from tunelab.upkeep.tools import build_parser, run_as_tool
from tunelab.upkeep.verification import summarise_findings, verify_studies


def main(configfile: list[Path]) -> int:
    studies = [Path(read_config(configfile).study.results)] if configfile else list_studies()
    if not any(map(list_cards, studies)):
        where = ", ".join(map(str, studies)) or "results"
        raise UserError(f"{where} has no provenance cards yet; run `make report` first.")
    findings = verify_studies(studies)
    print(*findings.lines, summarise_findings(findings), sep="\n")
    return 1 if findings.lines else 0


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
