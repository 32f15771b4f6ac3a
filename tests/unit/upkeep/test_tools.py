"""The tools behind `make verify`, `make clean-stale` and `make reproduce-check`, as users run them."""

import argparse
import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import ask_runs, check_reproducibility, clean_stale, verify_artefacts
from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.errors import UserError
from tunelab.jobs.working_folder import LOCK
from tunelab.upkeep.tools import build_parser, run_as_tool

PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A project with its configs, one result that no config refers to, and one that the default config does."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    write_file("results/runs/old/seed1/history.jsonl", "x" * 2000)
    write_file("results/runs/lora/seed1/history.jsonl")
    return tmp_path


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that lets someone at a terminal answer."""

    def answer(text):
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("builtins.input", lambda question: print(question) or text)

    return answer


def left():
    return sorted(path.parts[2] for path in Path("results").glob("runs/*"))


def test_without_a_terminal_stale_results_are_only_listed(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert clean_stale.main([], yes=False) == 0
    assert capsys.readouterr().out.replace("\u202f", " ").splitlines() == [
        "    2.0 kB  results/runs/old: no config refers to it",
        "Removing this frees 2.0 kB. No config refers to it, of these:",
        "config/config.yaml, config/blog.yaml, config/controls.yaml, config/gpu_check.yaml, config/methods.yaml, "
        "config/real.yaml, config/smoke.yaml. "
        "Name one that lies elsewhere with CONFIG=.",
        "Nothing was removed, as there is no terminal to ask on; say YES=1 as well to remove it.",
    ]
    assert left() == ["lora", "old"]
    assert not Path(".snakemake").exists(), "looking is free"


@pytest.mark.parametrize(
    ("text", "runs"), [("y", ["lora"]), (" Yes ", ["lora"]), ("", ["lora", "old"]), ("n", ["lora", "old"])]
)
def test_at_a_terminal_only_a_clear_yes_removes(terminal, capsys, text, runs):
    terminal(text)
    clean_stale.main([], yes=False)
    printed = capsys.readouterr().out
    assert "Remove it? [y/N]" in printed
    assert printed.endswith("Removed.\n" if runs == ["lora"] else "Nothing was removed.\n")
    assert left() == runs


def test_yes_in_advance_removes_without_asking(capsys):
    clean_stale.main([], yes=True)
    assert left() == ["lora"]
    assert capsys.readouterr().out.endswith("Removed.\n")
    clean_stale.main([], yes=True)
    assert capsys.readouterr().out == "Nothing is stale: the configs refer to all that is here.\n"


def test_a_config_that_lies_elsewhere_counts_when_it_is_named(folder):
    run = "{label: Old, method: base, model: smollm2}"
    write_file("elsewhere/mine.yaml", f"runs: {{old: {run}}}\nstudy: {{seeds: [1]}}\n")
    write_file("results/runs/old/seed0/history.jsonl")
    shutil.rmtree("results/runs/old/seed1")
    clean_stale.main([Path("elsewhere/mine.yaml")], yes=True)
    assert left() == ["lora", "old"]
    clean_stale.main([], yes=True)
    assert left() == ["lora"]


@pytest.mark.parametrize("content", ["study: {seedz: [1]}", "study: [", "study: {results: /elsewhere}"])
def test_one_broken_config_stops_everything(content):
    write_file("config/broken.yaml", content)
    with pytest.raises(UserError, match=r"config/broken\.yaml is not"):
        clean_stale.main([], yes=True)
    assert left() == ["lora", "old"]


def test_nothing_is_removed_beside_a_running_snakemake():
    lock = Path(write_file(".snakemake/running.lock", "The study config/a.yaml (process 3)"))
    with open(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"The study config/a\.yaml \(process 3\) is running in "):
            clean_stale.main([], yes=True)
    assert left() == ["lora", "old"]
    assert lock == LOCK
    clean_stale.main([], yes=True)
    assert left() == ["lora"]


def test_verifying_says_what_differs_and_fails(capsys):
    write_card("results/logs/train/lora_seed1.log", outputs=["results/runs/lora/seed1/history.jsonl"])
    shutil.rmtree("results/runs/old")
    assert verify_artefacts.main([]) == 0
    assert capsys.readouterr().out == "Files compared: 1, with cards: 1; all are what the cards say.\n"
    write_file("results/runs/lora/seed1/history.jsonl", "changed")
    assert verify_artefacts.main([]) == 1
    assert "history.jsonl: changed since it was made by train_sft" in capsys.readouterr().out


def test_verifying_one_study_leaves_the_others_alone(capsys):
    write_card("results/logs/train/lora_seed1.log", outputs=["results/runs/lora/seed1/history.jsonl"])
    page = write_file("results/smoke/report.html")
    write_card("results/smoke/logs/render_report.log", outputs=[page])
    assert verify_artefacts.main([Path("config/smoke.yaml")]) == 0
    assert verify_artefacts.main([]) == 1  # the run `old` has no card
    with pytest.raises(UserError, match="results/blog has no provenance cards yet; run `make report` first"):
        verify_artefacts.main([Path("config/blog.yaml")])


def test_without_results_there_is_nothing_to_verify():
    shutil.rmtree("results")
    with pytest.raises(UserError, match="results has no provenance cards yet"):
        verify_artefacts.main([])


@pytest.mark.parametrize(
    ("contents", "code", "end"), [("aa", 0, "Identical: all 1 files."), ("ab", 1, "1 of 1 files differ.")]
)
def test_two_clones_are_run_one_after_the_other_and_compared(capsys, monkeypatch, folder, contents, code, end):
    places = []

    def run_study(place, configfile):
        assert configfile == [Path("config/smoke.yaml")]
        write_file(f"{place}/results/smoke/tables/main.csv", contents[len(places)])
        places.append(place)

    monkeypatch.setattr(check_reproducibility, "run_study", run_study)
    monkeypatch.setattr(check_reproducibility, "clone_checkout", lambda checkout, target: target.mkdir())
    monkeypatch.setattr(check_reproducibility, "describe_checkout", lambda checkout: "commit 0123")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert check_reproducibility.main([]) == code
    assert [place.name for place in places] == ["first", "second"]
    printed = capsys.readouterr().out
    assert printed.startswith("config/smoke.yaml twice, from commit 0123\n")
    assert end in printed
    assert (f"Both clones stay in {places[0].parent}." in printed) == places[0].exists() == bool(code)


def test_a_tool_leaves_with_the_code_of_its_main_and_a_mistake_is_a_sentence(monkeypatch):
    def fail(configfile):
        raise UserError(f"{configfile[0]} is wrong.")

    def interrupt(configfile):
        raise KeyboardInterrupt

    def hang_up(configfile):
        raise EOFError

    monkeypatch.setattr(sys, "argv", ["tool", "--configfile", "a.yaml", "b.yaml"])
    for main, code in (
        (lambda configfile: len(configfile), 2),
        (fail, "Error: a.yaml is wrong."),
        (interrupt, 130),
        (hang_up, 130),
    ):
        with pytest.raises(SystemExit) as left:
            run_as_tool(main, build_parser("Do.\n\nMore."))
        assert left.value.code == code
    assert isinstance(build_parser("Do."), argparse.ArgumentParser)


def test_make_help_lists_every_target_of_use_in_two_columns():
    # the tests themselves may run below make, which would then tell of folders
    command = ["make", "--no-print-directory", "help"]
    printed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    lines = printed.splitlines()
    names = [line.split()[0] for line in lines]
    assert {"plan", "verify", "clean-stale", "reproduce-check"} < set(names)
    assert len(names) == len(set(names))
    assert len({len(line) - len(line.split(maxsplit=1)[1]) for line in lines}) == 1, "the texts begin in one column"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"question": " \n"}, "Q: there is no question; type one"),
        ({"question": "a\udce9b"}, r"Q: the question has signs that are no UTF-8 \('a\\udce9b'\)"),
        ({"run": "lorra" * 99}, r"RUN: there is no run 'lorral.{60,80}'; the study has base, lora"),
        ({"task": "sum"}, "TASK: there is no task 'sum'; the study has support, sums"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence_before_anything_is_loaded(monkeypatch, asked, said):
    monkeypatch.setitem(sys.modules, "tunelab.evaluation.asking", None)
    with pytest.raises(UserError, match=said):
        ask_runs.main([], **{"run": None, "task": None, "question": "Why?"} | asked)


def test_a_file_that_may_not_be_written_is_a_sentence(monkeypatch):
    def write(configfile):
        raise PermissionError(13, "Permission denied", "config/mine.yaml")

    monkeypatch.setattr(sys, "argv", ["tool"])
    with pytest.raises(SystemExit, match=r"^Error: config/mine\.yaml may not be read or written \(Permission denied\)"):
        run_as_tool(write, build_parser("A tool."))
