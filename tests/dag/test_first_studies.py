"""What `make new-study` writes for people's files is planned to its page, whatever their format."""

import json

import pytest

from tests import forks
from tests.study_copy import copy_project, plan

FILES = {
    "pairs.csv": "question,answer,\n" + "".join(f'"What is ""{n}""?",A number; {n}.,\n' for n in range(12)),
    "worked.jsonl": "".join(
        json.dumps({"question": f"{n} + 1?", "answer": f"It is {n + 1}.\n#### {n + 1}"}) + "\n" for n in range(12)
    ),
    "numbers.jsonl": "".join(json.dumps({"question": f"{n} + 1?", "answer": n + 1}) + "\n" for n in range(12)),
    "shared.json": json.dumps(
        [
            {"conversations": [{"from": "human", "value": f"What is {n}?"}, {"from": "gpt", "value": f"It is {n}."}]}
            for n in range(12)
        ]
    ),
    "preferred.jsonl": "".join(
        json.dumps({"question": f"What is {n}?", "chosen": f"It is {n}.", "rejected": "No idea."}) + "\n"
        for n in range(12)
    ),
    "rows/part-0.jsonl": "".join(
        json.dumps({"instruction": f"说{n}。", "input": "", "output": f"{n}。"}, ensure_ascii=False) + "\n"
        for n in range(12)
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("checkout"))


@pytest.mark.parametrize(("file", "content"), FILES.items(), ids=FILES)
def test_a_file_of_someones_is_planned_to_its_page_in_two_commands(checkout, file, content):
    place, name = checkout / file, file.partition(".")[0].partition("/")[0]
    place.parent.mkdir(exist_ok=True)
    place.write_text(content, encoding="utf-8")
    tool = ("scripts/new_study.py", f"--name={name}", f"--data={file.partition('/')[0]}")
    code, printed = forks.read_python(checkout, *tool)
    assert code == 0, printed
    assert f"make report CONFIG=config/{name}.yaml" in printed
    planned = plan(checkout, "--configfile", f"config/{name}.yaml")
    assert {"render_report", "train_sft lora 1", f"fetch_dataset {name}"} <= planned
    assert not any(job.startswith(("score_repeats", "measure_drift")) for job in planned)
    assert ("train_preferences dpo 1" in planned) == (name == "preferred")
    code, printed = forks.read_python(checkout, *tool)
    assert (code, printed.strip()) == (
        1,
        f"Error: NAME: config/{name}.yaml is there already, and is not written over. Take another name, or remove it.",
    )
