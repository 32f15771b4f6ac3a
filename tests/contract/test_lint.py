"""Snakemake's own linter has nothing to say."""

import subprocess
import sys

from project_files import PROJECT


def test_the_linter_finds_nothing():
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], cwd=PROJECT, capture_output=True, text=True)
    assert "Congratulations, your workflow is in a good condition!" in done.stdout + done.stderr
    assert "Lints for" not in done.stdout + done.stderr
    assert done.returncode == 0
