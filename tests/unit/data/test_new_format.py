"""A format that nothing but its record knows is taken through the config's checks and through preparing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
REGISTER = """
from functools import partial

from tunelab.config.formats import FORMATS, Format

FORMATS["news"] = Format(("title", "body"), "conversations", read="pair", about="the body, a text")
FORMATS["forum"] = Format(("posts", "system"), "conversations", read="forum", about="replies", optional=("system",))
FORMATS["puzzles"] = Format(("riddle", "solution"), "numbers", read="number", about="42 alone")

from tunelab.data.formats import READERS, read_conversation
from tunelab.data.turns import Naming

FORUM = Naming("author", "post", {"member": "user", "expert": "assistant"})
READERS["forum"] = partial(read_conversation, naming=FORUM)
"""


@pytest.fixture
def call(tmp_path):
    """Return a function that runs Python code where the formats are registered, and returns what it prints as JSON."""

    def run(code: str):
        done = subprocess.run(
            [sys.executable, "-c", f"import json\n{REGISTER}\n{code}"],
            cwd=tmp_path,
            env={"PYTHONPATH": f"{PROJECT / 'scripts'}:{PROJECT}", "PATH": ""},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_rows_of_a_new_format_are_prepared(call):
    rows = call("""
from tests.unit.data.dataset_stages import lines, refuse, run

news = [{"title": f"T{n}", "body": f"B{n}."} for n in range(10)]
posts = [[{"author": "member", "post": f"Q{n}?"}, {"author": "expert", "post": f"A{n}."}] for n in range(10)]
puzzles = [{"riddle": f"R{n}?", "solution": n} for n in range(10)]
bad = refuse(lines({"title": "T", "body": 7}), prepare={"format": "news"})  # first, while nothing is there
told = [
    run(lines(*news), prepare={"format": "news", "system": "Write."}),
    run(lines(*({"posts": turns} for turns in posts)), prepare={"format": "forum"}),
    run(lines(*puzzles), prepare={"format": "puzzles"}),
]
print(json.dumps([[sorted(rows, key=json.dumps) for rows in told], bad]))
""")
    (news, forum, puzzles), bad = rows
    assert [len(news), len(forum), len(puzzles)] == [10, 10, 10]
    said = {tuple((turn["role"], turn["content"]) for turn in row["messages"]) for row in news}
    assert said == {(("system", "Write."), ("user", f"T{n}"), ("assistant", f"B{n}.")) for n in range(10)}
    said = {tuple((turn["role"], turn["content"]) for turn in row["messages"]) for row in forum}
    assert said == {(("user", f"Q{n}?"), ("assistant", f"A{n}.")) for n in range(10)}
    assert {row["answer"] for row in puzzles} == set(map(str, range(10)))
    assert "row 1, field 'body': expected text that is not blank, found a number (7)" in bad


def test_the_config_allows_a_new_format_what_its_kind_of_rows_allows(call):
    problems = call("""
from tests.unit.config.default_config import load
from tunelab.errors import UserError

SOURCE = {"source": "local", "files": ["a.jsonl"]}

def tell(format, kind="text", **prepare):
    dataset = {"fetch": SOURCE, "prepare": {"format": format, **prepare}}
    task = {"label": "New", "dataset": "new", "kind": kind, "generation": {"max_new_tokens": 8, "batch_size": 4}}
    runs = {"lora": {"dataset": "new"}, **({"grpo": {"dataset": "new"}} if kind == "maths" else {})}
    try:
        load({"datasets": {"new": dataset}, "tasks": {"new": task}, "runs": runs, "study": {"tasks": ["new"]}})
    except UserError as error:
        return str(error).split("\\n  ")[1:]
    return []

print(json.dumps([tell("news"), tell("puzzles", "maths", one_shot=True), tell("news", "maths", columns={"text": "t"})]))
""")
    known = "those of format gsm8k (worked steps, then #### 18) and maths (18 alone) and puzzles (42 alone) have"
    assert problems == [
        [],
        [],
        [
            "datasets.new.prepare.columns.text: is no field of the format news; known here: title, body",
            f"runs.grpo.dataset: rewards check answers, and 'new' has no numbers to check; {known}",
            f"tasks.new.kind: maths checks answers, and 'new' has no numbers to check; {known}",
        ],
    ]


def test_every_format_has_a_reader():
    from tunelab.config.formats import FORMATS
    from tunelab.data.formats import READERS

    assert {found.read for found in FORMATS.values()} == set(READERS)
