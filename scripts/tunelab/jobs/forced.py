"""Tell jobs whether they were asked for by `--forcerun`, `--forceall` or `--force`, which Snakemake does not tell them.

The planning process passes it to its jobs, on a cluster too, in an environment variable.
"""

import json
import os
from collections.abc import Iterable
from typing import Any

VARIABLE = "TUNELAB_FORCED_JOBS"
EVERY = "every job"  # as no rule and no file is called


def announce_forced(settings: Any) -> None:
    """Pass on which rules and files were forced; `settings`: Snakemake's DAG settings."""
    named = [*settings.forcerun, *(settings.targets if settings.forcetargets else [])]
    every = [EVERY] if settings.forceall else []
    os.environ[VARIABLE] = json.dumps(sorted([*every, *map(_place, named)]))


def is_forced(rule: str, outputs: Iterable[str]) -> bool:
    """Return whether a job of this rule with these outputs was forced."""
    asked = json.loads(os.environ.get(VARIABLE, "[]"))
    return not {EVERY, rule, *map(_place, outputs)}.isdisjoint(asked)


def _place(path: str) -> str:
    return os.path.relpath(path)
