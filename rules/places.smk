# Finds the project, wherever the workflow runs and whatever takes it in as a module. No rule in here.

import os
import sys
from pathlib import Path

# not `workflow.basedir`, which is that of the workflow that takes this one in as a module
PROJECT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
SCRIPTS = PROJECT / "scripts"
if not SCRIPTS.is_dir():
    raise SystemExit(f"{PROJECT} is no folder on this machine; clone the project, and name the Snakefile of the clone.")
if set("{}") & set(str(PROJECT)):
    raise SystemExit(f"Move the project out of {PROJECT}: Snakemake takes braces in a path for names of variables.")
sys.path.insert(0, str(SCRIPTS))


def own(path):
    """Return the path of a file of this project, relative to the working directory so that a moved checkout stays
    up to date; neither the prefix of a module nor a default storage concerns it."""
    return local(os.path.relpath(PROJECT / path))


def find_text(path):
    """Return where a text of the config lies, in the working directory or else in this project."""
    return str(own(path)) if os.path.isfile(PROJECT / path) and not os.path.isfile(path) else path


CHAT_TEMPLATES = Path(own("scripts/tunelab/models/chat_templates"))
