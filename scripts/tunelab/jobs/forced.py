"""Which jobs were asked for by force, `--forcerun`, `--forceall` or `--force`; a job does not know of itself.

The process that plans tells its jobs, those of a cluster too, by a variable of the environment.
"""

import json
import os
from collections.abc import Iterable
from typing import Any

VARIABLE = "TUNELAB_FORCED_JOBS"
EVERY = "every job"  # as no rule and no file is called


def announce_forced(settings: Any) -> None:
    """Tell the jobs which rules and files were asked for; `settings` are Snakemake's, of what is to be made."""
    named = [*settings.forcerun, *(settings.targets if settings.forcetargets else [])]
    every = [EVERY] if settings.forceall else []
    os.environ[VARIABLE] = json.dumps(sorted([*every, *map(_place, named)]))


def is_forced(rule: str, outputs: Iterable[str]) -> bool:
    """Tell whether a job of this rule, with these outputs, was asked for by force."""
    asked = json.loads(os.environ.get(VARIABLE, "[]"))
    return not {EVERY, rule, *map(_place, outputs)}.isdisjoint(asked)


def _place(path: str) -> str:
    return os.path.relpath(path)
