"""Every command that the documents and the page print can be typed as it stands."""

import html
import importlib.util
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from tests.study_copy import PROJECT, call_snakemake
from tests.unit.comparison.results_factory import build_study
from tests.unit.config.default_config import load
from tests.unit.reporting.page_factory import MAKERS, prepare_study, render_page
from tunelab.config.study import Study
from tunelab.records import write_json, write_jsonl
from tunelab.reporting.settings import write_config

DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/*.md", "config/*.md", "config/*.yaml")
    for path in sorted(PROJECT.glob(pattern))
    if path.name != "CHANGELOG.md"  # which tells of the past
]
LINE = re.compile(r"^(?:#? *)?(?:\.venv/bin/)?((?:snakemake|make) .+)$", re.MULTILINE)
INLINE = re.compile(r"`(?:\.venv/bin/)?((?:snakemake|make) [^`]+)`")
# files of the reader's own that commands name
OWN = (
    "config/mine.yaml",
    "config/rft.yaml",
    "config/my.yaml",
    "config/short.yaml",
    "mine.yaml",
    "thousand.json",
    "study.yaml",
)


def list_commands():
    """List each command with the documents that print it; what follows ` #` is a remark."""
    printed = {}
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        blocks = text if path.suffix == ".yaml" else "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
        for command in [*LINE.findall(blocks), *INLINE.findall(text)]:
            printed.setdefault(re.sub(r" +#.*", "", command), []).append(str(path.relative_to(PROJECT)))
    return printed


COMMANDS = list_commands()


@pytest.fixture(scope="module")
def clone(project, tmp_path_factory):
    """A copy of the project with the files that a reader would have written."""
    folder = tmp_path_factory.mktemp("clone") / "tunelab"
    shutil.copytree(project, folder)
    for name in OWN:
        overlay = {"study": {"results": f"results/{name.partition('.')[0].rpartition('/')[2]}"}}
        (folder / name).write_text(yaml.safe_dump(overlay), encoding="utf-8")
    (folder / "my_work").mkdir()
    questions = [{"instruction": f"What is {n}?", "input": "", "output": f"{n}."} for n in range(100)]
    sums = [{"question": f"{n} + 1?", "answer": f"It is {n + 1}.\n#### {n + 1}"} for n in range(200)]
    write_json(folder / "data/ruozhiba/ruozhiba.json", questions)
    write_jsonl(folder / "data/gsm8k/train.jsonl", sums)
    return folder


def try_snakemake(folder, command):
    if "profiles/slurm" in command and not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("needs requirements-slurm.lock")
    words = shlex.split(command.replace("/path/to/tunelab", str(folder)))[1:]
    given = [word for word in words if word != "--dry-run"]
    if "--snakefile" in given:  # names files from the folder that it works in
        shutil.copy(folder / "mine.yaml", folder / "my_work")
    code, said = call_snakemake(folder, "--dry-run", "--quiet", *given)
    assert code == 0, said


def test_commands_were_found():
    assert len(COMMANDS) > 25
    assert {command.split()[0] for command in COMMANDS} == {"make", "snakemake"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("snakemake")])
def test_a_printed_snakemake_command_plans_what_it_says(clone, command):
    try_snakemake(clone, command)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make")])
def test_a_printed_make_command_has_a_target(clone, command):
    words = [word.replace("…", "one") for word in shlex.split(command)]
    (clone / "my.jsonl").touch()
    done = subprocess.run(["make", "--dry-run", *words[1:]], cwd=clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_a_page_can_be_typed_beside_its_config(clone, tmp_path):
    page = render_page(tmp_path, prepare_study(tmp_path, build_study()))
    printed = [html.unescape(found) for found in re.findall(r"\.venv/bin/(snakemake [^<]+)", page.html)]
    assert len(printed) == 1 + len(MAKERS)
    (clone / "study.yaml").write_text(write_config(Study(load({}).describe_study())), encoding="utf-8")
    for command in printed:
        try_snakemake(clone, command.format(run="lora", seed="1"))
