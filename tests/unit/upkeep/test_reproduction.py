"""Two runs of a study are compared file by file, timings aside."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.unit.jobs.card_factory import write_file
from tunelab.errors import UserError
from tunelab.upkeep.verification import (
    clone_checkout,
    compare_studies,
    describe_checkout,
    differ,
    render_comparison,
    run_study,
)

FIRST, SECOND = Path("first/results/smoke"), Path("second/results/smoke")
ARM = "runs/lora/seed1"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_both(name, first, second=None):
    for study, content in ((FIRST, first), (SECOND, first if second is None else second)):
        text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
        write_file(f"{study}/{name}", text)


def list_differing():
    return [path for files in compare_studies(FIRST, SECOND).values() for path, same in files.items() if not same]


def test_equal_files_are_identical_and_one_byte_differs():
    write_both(f"{ARM}/sums/metrics.json", "[1]")
    write_both(f"{ARM}/adapter/adapter_model.safetensors", "weights", "weightz")
    assert list_differing() == [f"{ARM}/adapter/adapter_model.safetensors"]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        (f"{ARM}/history.jsonl", [{"loss": 1.0, "seconds": 0.1}], [{"loss": 1.0, "seconds": 0.2}]),
        (f"{ARM}/history.jsonl", [{"eval_loss": 1.0, "eval_runtime": 1}], [{"eval_loss": 1.0, "eval_runtime": 2}]),
        (f"{ARM}/training.json", '{"steps": 4, "train_seconds": 1.0}', '{"steps": 4, "train_seconds": 2.0}'),
        (f"{ARM}/sums/generation.json", '{"tokens": 8, "seconds": 1.0}', '{"tokens": 8, "seconds": 2.0}'),
        ("results.json", '{"n": 4, "rows": [{"seconds": 1.0}]}', '{"n": 4, "rows": [{"seconds": 2.0}]}'),
        ("tables/cost.csv", "run,train_seconds\nlora,1.0\n", "run,train_seconds\nlora,2.0\n"),
    ],
)
def test_timings_are_left_aside_and_the_rest_of_the_file_is_not(name, first, second):
    write_both(name, first, second)
    assert list_differing() == []
    keep = json.dumps(second).replace("1.0", "1.5").replace("4", "5").replace("8", "9").replace("lora", "nora")
    write_both(name, first, json.loads(keep))
    assert list_differing() == [name]


def test_a_row_more_is_a_difference():
    write_both(f"{ARM}/history.jsonl", [{"loss": 1.0}], [{"loss": 1.0}, {"loss": 1.0}])
    assert list_differing() == [f"{ARM}/history.jsonl"]


def test_a_file_that_only_one_has_is_a_difference():
    write_both("tables/main.csv", "a")
    write_file(f"{SECOND}/tables/more.csv")
    assert list_differing() == ["tables/more.csv"]


def test_logs_events_cards_and_the_page_are_not_compared():
    for name in ("logs/x.log", "benchmarks/x.jsonl", "cards/x.json", "report.html"):
        write_both(name, "1", "2")
    write_file(f"{FIRST}/{ARM}/tensorboard/events.out.tfevents.1.host.2.0")
    write_file(f"{SECOND}/{ARM}/tensorboard/events.out.tfevents.3.host.4.0")
    assert compare_studies(FIRST, SECOND) == {}
    assert differ({}), "nothing to compare is no proof"


def test_the_table_has_a_line_for_each_kind_of_file():
    for task in ("sums", "support"):
        write_both(f"{ARM}/{task}/metrics.json", "[1]", "[1]" if task == "sums" else "[2]")
    write_both(f"{ARM}/training.json", "{}")
    compared = compare_studies(FIRST, SECOND)
    assert differ(compared)
    assert render_comparison(compared).splitlines() == [
        "metrics.json                       2   1 of 2 differ",
        "    differs: runs/lora/seed1/support/metrics.json",
        "training.json                      1   identical, timings aside",
        "1 of 3 files differ. Not compared, because they are full of times: "
        "events.out.tfevents.*, costs.*, learning_curves.*, report.html.",
    ]
    write_both(f"{ARM}/support/metrics.json", "[1]")
    compared = compare_studies(FIRST, SECOND)
    assert not differ(compared)
    assert render_comparison(compared).splitlines()[-1].startswith("Identical: all 3 files. Not compared")


def git(*arguments):
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *name, *arguments], cwd="checkout", check=True, capture_output=True)


@pytest.fixture
def checkout():
    write_file("checkout/Snakefile", 'rule all:\n    output: "results/x"\n    shell: "exit 3"\n')
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    return Path("checkout").resolve()


def test_a_clone_holds_the_commit_and_not_the_edits(checkout):
    assert describe_checkout(checkout).startswith("commit ")
    assert "WITHOUT" not in describe_checkout(checkout)
    write_file("checkout/Snakefile", "edited")
    write_file("checkout/new.py")
    assert "WITHOUT 2 files that are changed here and not committed (Snakefile …)" in describe_checkout(checkout)
    clone_checkout(checkout, Path("clone").resolve())
    assert Path("clone/Snakefile").read_text(encoding="utf-8").startswith("rule all")
    assert not Path("clone/new.py").exists()


def test_a_folder_that_is_no_checkout_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"git rev-parse: .* run this in a git checkout"):
        describe_checkout(tmp_path)


def test_a_study_that_fails_says_where_to_read_why(checkout):
    with pytest.raises(UserError, match=r"did not come to its end in .*checkout; .*snakemake\.log says why"):
        run_study(checkout, [Path("nothing.yaml")])
    assert "nothing.yaml" in Path("checkout/snakemake.log").read_text(encoding="utf-8")
