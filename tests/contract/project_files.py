"""The project's own files, as a clone would hold them, and what their code imports."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tunelab.jobs.provenance import hash_sources

PROJECT = Path(__file__).parents[2]
SCRIPTS = PROJECT / "scripts"
LIBRARY = sorted((SCRIPTS / "tunelab").rglob("*.py"))
# tools for people, behind targets of the Makefile; no rule runs them
TOOLS = [
    SCRIPTS / f"{name}.py"
    for name in (
        "ask_runs",
        "bench_growth",
        "bench_training",
        "check_overlays",
        "check_reproducibility",
        "clean_stale",
        "compare_logs",
        "gpu_check",
        "new_study",
        "plan_jobs",
        "report_partial",
        "report_provenance",
        "show_status",
        "verify_artefacts",
    )
]
STAGES = sorted(path for path in SCRIPTS.glob("*.py") if path not in TOOLS)
RULES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "rules").glob("*.smk")))


def list_code(stage: str) -> list[Path]:
    """List the files that a stage can run, those that its script imports by a name from the config included."""
    named = {"fetch_model": "sources/*_model.py", "fetch_dataset": "sources/*_table.py"}.get(stage, "no module")
    modules = tuple(str(path.relative_to(SCRIPTS)) for path in sorted((SCRIPTS / "tunelab").glob(named)))
    assert bool(modules) == stage.startswith("fetch_")
    return [SCRIPTS / name for name, _ in hash_sources(SCRIPTS / f"{stage}.py", modules)]


def list_files() -> list[Path]:
    """List the files that git knows or would take, without the tests."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.split("\0")
    paths = [PROJECT / name for name in names if name and not name.startswith("tests/")]
    return [path for path in paths if path.is_file()]


def read_rules() -> dict[str, str]:
    """Return the text of every rule by its name."""
    parts = re.split(r"^(?:use )?rule (\w+)(?: as (\w+) with)?:$", RULES, flags=re.MULTILINE)
    return {alias or name: text for name, alias, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}


def list_imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: the code facts follow absolute imports only"
            yield node.module
