"""`make plan` on a finished study: what would run, why, and what it took, on one screen."""

import base64
import json
import os
import shutil
import sys
from ast import literal_eval
from pathlib import Path

import pytest
from expected_jobs import EVERYTHING

from tests.forks import read_python
from tests.study_copy import changed_config, changed_file, dry_run, plan, run_stubs
from tests.unit.jobs.card_factory import write_card

SCREEN = 40
UP_TO_DATE = "Nothing to do: results/report.html is up to date."


def ask_plan(folder: Path, *arguments: str, code: int = 0) -> str:
    """Return what `make plan` prints for the study in a copy of the project."""
    returned, printed = read_python(folder, "scripts/plan_jobs.py", *arguments)
    assert returned == code, printed
    assert "Traceback" not in printed
    return printed.replace("\u202f", " ")


def name_jobs(text: str) -> list[str]:
    """Return the lines of jobs without their times."""
    return [line.strip().split("  ")[0] for line in text.splitlines() if line.startswith("  ")]


def count_jobs(text: str) -> int:
    return int(text.split("and why (")[1].split()[0])


def test_a_finished_study_has_nothing_to_do(finished):
    assert ask_plan(finished) == f"{UP_TO_DATE}\n"


def test_a_fresh_checkout_tells_of_every_job_on_one_screen(project):
    text = ask_plan(project)
    assert count_jobs(text) == len(EVERYTHING - {"all"})
    assert "\nnot made yet\n  fetch_dataset ×2: sums, support\n" in text
    assert "  score_answers ×10: 5 runs · seeds 0, 1 · sums, support\n" in text
    assert "How long it takes is not known before a first run." in text
    assert len(text.splitlines()) <= SCREEN


def test_a_plan_leaves_the_interpreter_as_what_runs_behind_it_needs_it(project, tmp_path):
    program = tmp_path / "my programs" / "python"  # quoted for jobs' commands while the plan is made
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    script = tmp_path / "plan.py"
    script.write_text(
        "import sys\nsys.path.insert(0, 'scripts'); sys.executable = sys.argv[1]\n"
        "from tunelab.upkeep.dry_run import plan_study\nassert plan_study([]); print(sys.executable)",
        encoding="utf-8",
    )
    code, printed = read_python(project, str(script), str(program))
    assert (code, printed.splitlines()[-1]) == (0, str(program))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "profile directory given"),
        ("strange-option: 3", "unrecognized arguments: --strange-option=3"),
        (": [", "Couldn't parse config file"),
    ],
    ids=["missing", "unknown option", "no YAML"],
)
def test_a_profile_that_snakemake_cannot_take_is_told_in_its_words(project, tmp_path, written, said):
    if written:
        (tmp_path / "config.yaml").write_text(written, encoding="utf-8")
    named = str(tmp_path) if written else "nowhere"
    code, printed = read_python(project, "scripts/plan_jobs.py", SNAKEMAKE_PROFILE=named)
    assert code == 1 and len(printed.splitlines()) == 1
    assert printed.startswith(f"Error: SNAKEMAKE_PROFILE: '{named}' cannot be taken. Snakemake says: {said}")


def test_another_study_tells_of_its_own_folder(project):
    text = ask_plan(project, "--configfile", "config/smoke.yaml")
    assert text.startswith("What would run now for results/smoke/report.html, and why (")
    assert "fetch_model tiny" in name_jobs(text)


def test_a_study_that_would_replace_the_page_of_another_one_says_so(finished, tmp_path):
    (tmp_path / "mine.yaml").write_text("study: {seeds: [1]}", encoding="utf-8")
    options = ("--configfile", str(tmp_path / "mine.yaml"))
    said = "results/report.html is the page of another study (config/config.yaml), and "
    for printed in (ask_plan(finished, *options), dry_run(finished, *options)):
        assert len([line for line in printed.splitlines() if line.startswith(said)]) == 1
    assert said not in dry_run(finished), "its own page is made again without a word"


def test_an_edited_setting_is_the_cause_with_old_and_new_and_the_rest_follows(finished):
    with changed_config(finished, {"runs": {"lora": {"training": {"learning_rate": 1.0e-4}}}}):
        text, jobs = ask_plan(finished), plan(finished)
    cause, following = text.split("and then, because of these\n")
    assert "\nruns.lora.training.learning_rate: 0.0003 → 0.0001\n  train_sft lora · seed 1  " in cause
    assert "generate_answers ×2: lora · seed 1 · sums, support" in name_jobs(following)
    assert count_jobs(text) == len(jobs - {"all"})
    assert " last time\n" in cause
    assert "\nTogether about " in following


def test_a_changed_setting_of_every_run_is_told_for_each(finished):
    with changed_file(finished / "config/config.yaml", "max_steps: 60", "max_steps: 61"):
        text = ask_plan(finished)
    assert "\nruns.lora.training.max_steps: 60 → 61\n  train_sft lora · seed 1 " in text
    assert "\nruns.prefix.training.max_steps: 60 → 61\n  train_sft prefix · seed 1 " in text
    assert len(text.splitlines()) <= SCREEN


def test_edited_code_is_named(finished):
    path = finished / "scripts/tunelab/scoring/scorers.py"
    with changed_file(path, path.read_text(encoding="utf-8"), path.read_text(encoding="utf-8") + "\nSTRANGER = 1\n"):
        text = ask_plan(finished)
    assert "\ntunelab/scoring/scorers.py was edited\n  score_answers ×10: 5 runs · seeds 0, 1 · sums, support" in text


def test_an_edited_template_is_named(finished):
    with changed_file(finished / "reports/report.css", "\nbody {", "\n/* larger */ body {"):
        text = ask_plan(finished)
    assert "\nreports/report.css changed\n  render_report " in text
    assert count_jobs(text) == 1


def test_a_deleted_artefact_is_missing(finished):
    weights = finished / "results/runs/lora/seed1/adapter/adapter_model.safetensors"
    weights.rename(finished / "aside")  # and back, with the time of its making
    text = ask_plan(finished)
    (finished / "aside").rename(weights)
    assert "\nresults/runs/lora/seed1/adapter/adapter_model.safetensors is missing\n  train_sft lora · seed 1" in text


def test_an_interrupted_job_is_told(finished):
    name = base64.b64encode(b"results/report.html").decode()
    marker = finished / ".snakemake/incomplete" / name
    marker.write_text("", encoding="utf-8")
    text = ask_plan(finished)
    marker.unlink()
    assert "\ninterrupted last time\n  render_report " in text


def test_three_seeds_and_a_new_run_fit_a_screen(finished):
    run = {"label": "Small", "method": "sft", "model": "smollm2", "dataset": "support", "training": {"max_steps": 5}}
    overlay = {
        "study": {"seeds": [1, 2, 3], "runs": ["base", "lora", "prefix", "warmstart", "grpo", "small"]},
        "runs": {"small": run | {"adapter": {"peft_type": "LORA", "r": 4}}},
    }
    with changed_config(finished, overlay):
        text, jobs = ask_plan(finished), plan(finished)
    assert count_jobs(text) == len(jobs - {"all"})
    assert "train_sft ×9: 4 runs · seeds 1, 2, 3" in name_jobs(text)
    assert "about " in text
    assert len(text.splitlines()) <= SCREEN


def test_a_run_less_is_told_as_such(finished):
    with changed_config(finished, {"study": {"runs": ["base", "lora", "warmstart", "grpo"]}}):
        text = ask_plan(finished)
    before = '["base", "lora", "prefix", "warmstart...'
    assert f'\nstudy.runs: {before} → ["base", "lora", "warmstart", "grpo"]\n' in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("study: {seedz: [1]}", "study.seedz"),
        ("study: {seeds: [1", "is not YAML: the [ of line 1 is never closed"),
        (None, "nothing.yaml cannot be read (No such file or directory); name an overlay that exists"),
    ],
)
def test_a_broken_config_is_a_sentence(project, tmp_path, content, said):
    file = tmp_path / "nothing.yaml"
    if content:
        file.write_text(content, encoding="utf-8")
    assert said in ask_plan(project, "--configfile", str(file), code=1)


@pytest.fixture(scope="module")
def arrived(finished, tmp_path_factory):
    """The finished study as it arrives elsewhere: with its cards, without `.snakemake/`."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("arrived") / "project")
    jobs = {}
    for file in (folder / ".snakemake/metadata").iterdir():
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["log"]:
            jobs.setdefault(record["log"][0], (record, []))[1].append(base64.b64decode(file.name).decode())
    assert len(jobs) == len(EVERYTHING - {"all"})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for log, (record, outputs) in jobs.items():
            facts = [fact for fact in map(literal_eval, record["params"]) if isinstance(fact, str) and " = " in fact]
            write_card(log, facts, record["input"], outputs, rule=record["rule"], seconds=60.0)
    shutil.rmtree(folder / ".snakemake")
    os.utime(folder / "reports/report.css", (1, 1))  # a test before may have edited it, and back
    return folder


def test_results_that_came_without_records_are_judged_by_their_cards(arrived):
    text = ask_plan(arrived)
    count = len(EVERYTHING - {"all"})
    assert text.startswith(f"{UP_TO_DATE}\n\nResults came without .snakemake/")
    assert f"  up to date: {count} jobs\n" in text
    assert "--forcerun" not in text


def test_what_changed_before_they_came_is_found_by_the_cards(arrived):
    with changed_config(arrived, {"runs": {"lora": {"adapter": {"r": 8}}}}):
        assert plan(arrived) == set(), "Snakemake itself does not see it"
        text = ask_plan(arrived)
        assert "  train_sft lora · seed 1: runs.lora.adapter.r: 16 → 8\n" in text
        (command,) = (line for line in text.splitlines() if "--forcerun" in line)
        planned = plan(arrived, *command.split()[3:])
    assert "train_sft lora 1" in planned
    assert {job for job in planned if job.startswith("train_")} == {"train_sft lora 1"}


def test_results_without_cards_cannot_be_judged_and_it_is_said(arrived, tmp_path):
    folder = shutil.copytree(arrived, tmp_path / "project")
    shutil.rmtree(folder / "results/cards")
    text = ask_plan(folder)
    assert "  generate_answers ×10: 5 runs · seeds 0, 1 · sums, support: no card, so nobody can tell\n" in text
    assert len(text.splitlines()) <= SCREEN


def test_results_whose_times_were_lost_on_the_way_are_taken_over_by_one_command(arrived, tmp_path):
    folder = shutil.copytree(arrived, tmp_path / "project")
    os.utime(folder / "results/datasets/support/train_dataset.json")
    text = ask_plan(folder)
    count = len(EVERYTHING - {"all"})
    assert "\nresults/datasets/support/train_dataset.json changed\n" in text, "Snakemake has only the time to go by"
    assert f"  up to date: {count} jobs\n" in text
    (command,) = (line for line in text.splitlines() if "--touch" in line)
    before = (folder / "results/report.html").read_bytes()
    run_stubs(folder, *command.split()[1:])
    assert ask_plan(folder) == f"{UP_TO_DATE}\n"
    assert (folder / "results/report.html").read_bytes() == before
    with changed_config(folder, {"runs": {"lora": {"adapter": {"r": 8}}}}):
        assert "train_sft lora 1" in plan(folder)
