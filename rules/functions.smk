# What stages depend on that run functions of the user's own. No rule in here.

from tunelab.config.functions import list_rewards
from tunelab.jobs.functions import list_judges
from tunelab.jobs.provenance import list_project_files


def function_modules(*functions):
    """List the modules of this project that files of the user's own functions use."""
    files = {file for part in functions for file in part.values()}
    return tuple(module for file in sorted(files) for module in list_project_files(Path(file), SCRIPTS))


def scoring_facts(wildcards, script, packages):
    """List what the scores of a task depend on."""
    section, modules = SLICES.scoring(wildcards.task), function_modules(*list_judges(CFG, wildcards.task).values())
    own = stage_facts(f"tasks.{wildcards.task}", section, script, packages, modules)
    return Facts([*own, *asked_facts(wildcards)])
