"""Where the project and its work may lie: folders with spaces, and a working directory elsewhere."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.forks import read_python
from tests.study_copy import PROJECT, call_snakemake, copy_project, dry_run, plan, run_snakemake

ROWS = "results/smoke/datasets/sums/data_card.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project in a folder whose name has signs of the shell."""
    return copy_project(tmp_path_factory.mktemp("my study; it's $HOME & (more)"))


def test_a_study_is_planned_from_elsewhere_with_an_overlay_by_its_full_path(project, tmp_path):
    (tmp_path / "mine").mkdir()
    overlay = tmp_path / "mine/overlay.yaml"
    overlay.write_text("study: {results: results/mine, title: From elsewhere}\n", encoding="utf-8")
    elsewhere = ("--snakefile", str(project / "Snakefile"), "--directory", str(tmp_path / "work"))
    jobs = plan(tmp_path, *elsewhere, "--configfile", str(overlay))
    assert jobs == plan(project, "--configfile", str(overlay))
    target = "results/mine/runs/lora/seed1/drift.jsonl"
    printed = dry_run(tmp_path, *elsewhere, "--configfile", str(overlay), "--", target)
    assert os.path.relpath(project / "config/neutral/english.txt", tmp_path / "work") in printed
    overlay.write_text("study: {seedz: [1]}\n", encoding="utf-8")
    code, printed = call_snakemake(tmp_path, "--dry-run", "--cores=1", *elsewhere, "--configfile", str(overlay))
    assert code == 1 and "../mine/overlay.yaml is not valid:\n  study.seedz" in printed


def test_a_config_of_the_working_directory_goes_before_the_projects(project, tmp_path):
    shutil.copytree(project / "config", tmp_path / "config")
    config = tmp_path / "config/config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("  seeds: [1]", "  seeds: [6]"), encoding="utf-8")
    assert "train_sft lora 6" in plan(tmp_path, "--snakefile", str(project / "Snakefile"))


@pytest.mark.slow
def test_jobs_run_in_a_folder_with_spaces_by_a_python_in_such_a_folder(project, tmp_path):
    place = tmp_path / "my own"
    place.mkdir()
    # as a virtual environment in there would be called
    (place / "python env").symlink_to(Path(sys.prefix))
    printed = run_snakemake(
        project, "--cores", "1", "--configfile", "config/smoke.yaml", "--", ROWS, python=place / "python env/bin/python"
    )
    assert "2 jobs to do" in printed
    assert (project / ROWS).is_file()


def test_braces_in_the_projects_path_are_a_sentence(tmp_path):
    project = copy_project(tmp_path / "a{b}")
    code, printed = call_snakemake(project, "--dry-run", "--cores=1")
    assert code == 1 and "Traceback" not in printed
    assert f"Move the project out of {project}: Snakemake takes braces in a path" in printed


def test_an_overlay_may_be_json_indented_by_tabs(project):
    overlay = project / "tabs.json"
    overlay.write_text('{\n\t"study": {"results": "results/tabs",\n\t\t"runs": ["base"]},\n\t"noise": null}\n')
    assert "generate_answers base 0 sums" in plan(project, "--configfile", "tabs.json")
    code, printed = read_python(project, "scripts/plan_jobs.py", "--configfile", "tabs.json")
    assert code == 0 and "results/tabs/report.html" in printed


def test_an_early_one_of_several_overlays_is_named(project):
    (project / "first.yaml").write_text("study: {seeds: [one], title: First}\n", encoding="utf-8")
    (project / "second.yaml").write_text("runs: {lora: {adapter: {r: 0}}}\n", encoding="utf-8")
    code, printed = call_snakemake(project, "--dry-run", "--cores=1", "--configfile", "first.yaml", "second.yaml")
    assert code == 1
    assert printed.endswith(
        "first.yaml, second.yaml is not valid:\n"
        "  first.yaml, study.seeds[0]: must be a whole number (got 'one')\n"
        "  second.yaml, runs.lora.adapter.r: must be greater than 0 (got 0)\n"
    )


def test_jobs_take_no_more_threads_than_the_containers_quota_has(project):
    (project / "cgroup").write_text("0::/\n")
    (project / "mount").mkdir()
    program = str(PROJECT / "tests/dag/limited_snakemake.py")
    for quota, threads in (("200000 100000", {"2"}), ("max 100000", {"12", "6"})):
        (project / "mount/cpu.max").write_text(f"{quota}\n")
        code, printed = read_python(project, program, "--dry-run", "--cores", "12")
        assert code == 0, printed
        assert set(re.findall(r"^    threads: (\d+)$", printed, re.MULTILINE)) == threads
