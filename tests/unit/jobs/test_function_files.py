"""Files of functions of the user's own are judged before anything is planned, and none of their code is run."""

import re
import shutil
from pathlib import Path

import pytest

from tests.unit.config.default_config import load, merge
from tunelab.errors import UserError
from tunelab.jobs.functions import check_functions, list_judges, list_uses
from tunelab.jobs.provenance import hash_function_file, hash_source
from tunelab.jobs.slices import Slices

SCRIPTS = Path(__file__).parents[3] / "scripts"
GOOD = "def mine(prompts, completions, completion_ids=None, **columns):\n    return []\n"
OVERLAY = """
datasets: {mine: {fetch: {source: local, files: [a.csv]}, prepare: {format: gsm8k, keep: [topic]}}}
runs:
  grpo:
    {dataset: mine, init_from: , adapter: {peft_type: LORA}, rewards: {functions: {mine: FILE}, weights: {mine: 1}}}
"""


@pytest.fixture
def check(tmp_path):
    """Return a function that checks a file with this text, and returns the line about it, or None."""

    def check(text: str | bytes | None, overlay: str = OVERLAY, name: str = "my_rewards.py") -> str | None:
        file = tmp_path / name
        if text is not None:
            file.write_bytes(text.encode() if isinstance(text, str) else text)
        filled = overlay.replace("FILE", str(file))
        try:
            check_functions(load(filled), merge(filled), "mine.yaml", SCRIPTS)
        except UserError as error:
            title, line = str(error).split("\n  ")
            assert title == "mine.yaml is not valid:"
            return line
        return None

    return check


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        b"\xef\xbb\xbf" + GOOD.encode().replace(b"\n", b"\r\n"),  # as some editors save it
        "def mine(completions, *, id, reference, answer, topic=3, **rest):\n    return []\n" + "raise ValueError\n",
        "import re, numpy\nfrom tunelab.numbers import is_equal_number\n" + GOOD,
        "def other():\n    return 1\n\n\n@print\n" + GOOD,
    ],
)
def test_what_can_be_called_as_a_reward_is_taken_and_not_run(check, text, capsys):
    assert check(text, OVERLAY + "study: {runs: [base, lora], tasks: [sums]}\nnoise: ") is None
    assert capsys.readouterr().out == ""


WRONG = {
    "no file": (None, "there is no file '"),
    "an empty file": ("", "has no function mine. Write `def mine(prompts, completions, **columns)`"),
    "another function": ("def my(completions, **c): pass\n", "has no function mine; it has my. Write `def mine("),
    "a function inside another": (
        "def my():\n    def mine(completions, **c): pass\n",
        "has no function mine; it has my.",
    ),
    "no Python": ("x = 1\ndef mine(:\n", ", line 2: is no Python (invalid syntax); mend it"),
    "no text": (b"\x00\x01", ", line 1: is no Python ("),
    "another encoding": ("x = 'é'\n".encode("latin-1"), ": is no Python ("),
    "asynchronous": ("async def mine(completions, **c): pass\n", "line 1: mine is async; write `def mine("),
    "no completions": ("def mine(prompts, **c): pass\n", "mine does not take completions; write `def mine("),
    "no columns": ("def mine(prompts, completions): pass\n", "must take columns that it does not ask for"),
    "places for names": ("def mine(completions, /, **c): pass\n", "mine is given everything by name"),
    "tokens": (
        "def mine(completions, completion_ids, **c): pass\n",
        "asks for completion_ids, which scoring has not got",
    ),
    "a column that no row has": (
        "def mine(completions, colour, **c): pass\n",
        "asks for colour, which rows of 'mine' have not; name the column in datasets.mine.prepare.keep, or give it a",
    ),
    "a column that rows of a task have not": (
        "def mine(completions, topic, **c): pass\n",
        "asks for topic, which rows of 'sums' have not; name the column in datasets.sums.prepare.keep, or give it a",
    ),
    "a relative import": ("from . import tools\n" + GOOD, "line 1: imports a file beside it (.), whose edits would"),
    "a helper": ("def mine(completions, **c):\n    import tools\n", "line 2: imports a file beside it (tools), whose"),
    "a folder of helpers": (
        "from parts.deep import x\n" + GOOD,
        "line 1: imports a file beside it (parts.deep), whose",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_called_is_told_at_its_key(check, tmp_path, text, sentence):
    (tmp_path / "tools.py").write_text("X = 1\n")
    (tmp_path / "parts").mkdir()
    line = check(text)
    assert line.startswith("runs.grpo.rewards.functions.mine: ") and sentence in line
    assert "my_rewards.py'" in line and len(line) < 450


def test_a_folder_is_no_file(check, tmp_path):
    (tmp_path / "folder.py").mkdir()
    assert "there is no file" in check(None, name="folder.py")


def test_functions_of_every_place_are_looked_at(check):
    samples = "samples: {play: {run: base, dataset: sums, rewards: {functions: {mine: FILE}, weights: {mine: 1}}}}"
    assert check("", samples).startswith("samples.play.rewards.functions.mine: ")
    metrics = "{tasks: {support: {metrics: {mine: FILE}}}, comparison: {margins: {mine: 1}}}"
    assert check("", metrics).startswith("tasks.support.metrics.mine: ")
    assert check(GOOD, metrics) is None
    answer = "def mine(completions, answer, **columns): pass\n"  # which only sums have
    assert "asks for answer, which rows of 'support' have not" in check(answer, metrics)
    assert check(answer.replace("answer", "reference"), metrics) is None


def test_all_tasks_of_sums_are_scored_by_the_rewards_of_the_study_and_of_what_it_drew(tmp_path):
    file = tmp_path / "my.py"
    file.write_text(GOOD.replace("mine", "a") + GOOD.replace("mine", "b") + GOOD.replace("mine", "c"))
    rewards = "rewards: {{functions: {{{0}: FILE}}, weights: {{{0}: 1}}}}"
    overlay = f"""
samples:
  play: {{run: base, dataset: sums, {rewards.format("b")}}}
  spare: {{run: base, dataset: sums, {rewards.format("d")}}}
runs:
  grpo: {{{rewards.format("a")}}}
  rft: {{label: R, method: sft, model: smollm2, samples: play, adapter: {{peft_type: LORA}}, training: {{}}}}
tasks: {{support: {{metrics: {{c: FILE}}}}}}
comparison: {{margins: {{c: 1}}}}
study: {{runs: [base, warmstart, grpo, rft]}}
""".replace("FILE", str(file))
    config, name = load(overlay), str(file)
    assert list_judges(config, "sums") == {"rewards": {"a": name, "b": name}, "metrics": {}}
    assert list_judges(config, "support") == {"rewards": {}, "metrics": {"c": name}}
    assert list_judges(load(overlay, "study: {runs: [base]}\nnoise: "), "sums") == {"rewards": {}, "metrics": {}}
    uses = {use.path[1]: use.datasets for use in list_uses(config)}
    assert uses == {"grpo": ("sums", "sums"), "play": ("sums", "sums"), "spare": ("sums",), "support": ("support",)}
    slices = Slices(config)
    (digest,) = slices.scoring("support")["metrics"].values()
    assert slices.scoring("sums") == {"kind": "maths", "rewards": {"a": digest, "b": digest}}
    assert slices.run("grpo")["rewards"]["functions"] == {"a": digest}
    assert slices.drawn("play")["rewards"]["functions"] == {"b": digest}
    file.rename(tmp_path / "moved.py")
    moved = Slices(load(overlay.replace("my.py", "moved.py")))
    assert moved.run("grpo")["rewards"]["functions"] == {"a": digest}


def test_the_how_to_shows_the_projects_own_example_and_a_config_that_is_valid(monkeypatch):
    monkeypatch.chdir(SCRIPTS.parent)
    text = Path("docs/rewards.md").read_text(encoding="utf-8")
    (function,) = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    (overlay,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
    assert function == Path("config/rewards/brevity.py").read_text(encoding="utf-8")
    config = load(overlay)
    check_functions(config, merge(overlay), "short.yaml", SCRIPTS)
    assert [use.path[0] for use in list_uses(config)] == ["runs", "samples", "tasks"]


READING = """
import json
from pathlib import Path

WORDS = json.loads((Path(__file__).parent / "words.json").read_text())
MORE = (Path(__file__).parent / "data" / "more.txt").read_text()
"""


@pytest.fixture
def reading(tmp_path):
    """A file of functions that reads a file beside it and one in a folder beside it; another one lies there."""
    (tmp_path / "data").mkdir()
    for name in ("words.json", "data/more.txt", "data/other.txt"):
        (tmp_path / name).write_text("[]")
    (tmp_path / "mine.py").write_text(READING + GOOD)
    return tmp_path / "mine.py"


@pytest.mark.parametrize(
    ("edited", "counts"), [("words.json", True), ("data/more.txt", True), ("data/other.txt", False)]
)
def test_files_that_a_function_names_count_with_it(reading, edited, counts):
    before = hash_function_file(reading)
    (reading.parent / edited).write_text("[1]")
    assert (hash_function_file(reading) != before) is counts


def test_a_function_is_the_same_wherever_it_lies_with_its_files(reading, tmp_path_factory):
    before = hash_function_file(reading)
    moved = shutil.copytree(reading.parent, tmp_path_factory.mktemp("moved") / "to")
    assert hash_function_file(moved / "mine.py") == before


def test_a_function_that_names_no_file_is_hashed_by_its_code_alone(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(f"NUL, LONG = 'a\\0b', {'x' * 5000!r}\n" + GOOD)
    assert hash_function_file(file) == hash_source(file)
