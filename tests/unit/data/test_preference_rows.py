"""Rows of preferences: two answers to a question, or one and its label, as data sets have them."""

import json

import pytest

from tests.unit.data.dataset_stages import SPLITS, lines, parquet, refuse, run
from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import build_examples, map_columns
from tunelab.data.preferences import list_labelled, list_pairs, list_wanted
from tunelab.errors import UserError
from tunelab.records import read_json, read_jsonl


def say(role, text, **others):
    return {"role": role, "content": text, **others}


def user(text):
    return say("user", text)


def assistant(text):
    return say("assistant", text)


SPEC = PrepareSpec(format="preference")
ASKED = [user("Q?"), assistant("Which?"), user("This.")]
SILENT = [user("Q?"), say("assistant", "Which?", weight=0), user("This.")]
GOOD = [{"prompt": f"Q{n}?", "chosen": f"Right {n}.", "rejected": f"Wrong {n}."} for n in range(10)]
JUDGED = [{"prompt": f"Q{n // 2}?", "completion": f"Answer {n}.", "label": n % 2 == 0} for n in range(40)]


def build(row, spec=SPEC):
    columns = map_columns(spec, list(row), "mine", "rows.jsonl")
    (example,) = build_examples([row], spec, columns, "rows.jsonl")
    return example


SHAPES = {
    "texts": {"prompt": "Q?", "chosen": "Yes", "rejected": "No"},
    "lists of turns": {"prompt": [user("Q?")], "chosen": [assistant("Yes")], "rejected": [assistant("No")]},
    "answers that repeat the question": {
        "prompt": [user("Q?")],
        "chosen": [user("Q?"), assistant("Yes")],
        "rejected": [user("Q?"), assistant("No")],
    },
    "one answer that repeats it": {
        "prompt": [user("Q?")],
        "chosen": [user("Q?"), assistant("Yes")],
        "rejected": [assistant("No")],
    },
    "a text beside answers that repeat it": {
        "prompt": "Q? ",
        "chosen": [user("Q?"), assistant("Yes")],
        "rejected": [user("Q?"), assistant("No")],
    },
    "a text beside lists of an answer": {"prompt": "Q?", "chosen": [assistant("Yes")], "rejected": [assistant("No")]},
    "a question that stands in the answers alone": {
        "chosen": [user("Q?"), assistant("Yes")],
        "rejected": [user("Q?"), assistant("No")],
    },
    "a question that is null": {
        "prompt": None,
        "chosen": [user("Q?"), assistant("Yes")],
        "rejected": [user("Q?"), assistant("No")],
    },
    "turns of from and value": {
        "prompt": [{"from": "human", "value": "Q?"}],
        "chosen": {"from": "gpt", "value": "Yes"},
        "rejected": {"from": "gpt", "value": "No"},
    },
}


@pytest.mark.parametrize("row", SHAPES.values(), ids=SHAPES)
def test_a_pair_is_read_however_its_question_and_answers_are_written(row):
    record = build(row).build_record("1")
    assert record == {"id": "1", "messages": [user("Q?"), assistant("Yes")], "rejected": assistant("No")}


def test_answers_share_turns_and_never_a_beginning_of_their_texts():
    row = {"chosen": [*ASKED, assistant("It is 7")], "rejected": [*ASKED, assistant("It is 8")]}
    example = build(row)
    assert list(example.messages) == [*SILENT, assistant("It is 7")]
    assert example.rejected == assistant("It is 8")
    assert example.question == "Q?\n\nThis."
    for prompt in ("Q?", "This.", ASKED):
        assert build(row | {"prompt": prompt}) == example


def test_the_row_or_the_config_gives_the_system_message():
    row = {"prompt": "Q?", "chosen": "Yes", "rejected": "No", "system": "Be brief."}
    assert build(row).messages[0] == say("system", "Be brief.")
    spec = PrepareSpec(format="preference", system="Be kind.")
    assert build(row | {"system": None}, spec).messages[0] == say("system", "Be kind.")
    turns = [say("system", "Own."), user("Q?")]
    own = {"chosen": [*turns, assistant("Yes")], "rejected": [*turns, assistant("No")]}
    assert build(own, spec).messages[:2] == tuple(turns)


@pytest.mark.parametrize("label", [True, 1, 1.0, "true", "True ", "1"])
def test_an_answer_with_its_label_is_read(label):
    for given in ("Yes", [assistant("Yes")], [user("Q?"), assistant("Yes")]):
        example = build({"prompt": "Q?", "completion": given, "label": label})
        assert example.build_record("1") == {"id": "1", "messages": [user("Q?"), assistant("Yes")], "label": True}
    assert build({"completion": [*ASKED, assistant("Yes")], "label": "FALSE"}).label is False


def test_columns_are_mapped_and_those_of_the_other_kind_left_alone():
    spec = PrepareSpec(format="preference", columns={"prompt": "question", "chosen": "good", "rejected": "bad"})
    row = {"question": "Q?", "good": "Yes", "bad": "No", "label": 7, "completion": None}
    assert build(row, spec).rejected == assistant("No")


def test_what_an_instruction_is_about_stands_behind_it():
    row = {"instruction": "Shorten.", "input": "A long text.", "chosen": "Text.", "rejected": "No"}
    mapped = PrepareSpec(format="preference", columns={"prompt": "instruction"})
    assert build(row, mapped).messages[0] == user("Shorten.\nA long text.")
    assert build(row | {"input": " "}, mapped).messages[0] == user("Shorten.")
    # a column that is the question already is not read twice
    other = PrepareSpec(format="preference", columns={"prompt": "input"})
    assert build(row, other).messages[0] == user("A long text.")


MEND = "Mend or remove the row, or map another column."
BAD = {
    "an answer that is the other one": (
        {"prompt": "Q?", "chosen": "Yes", "rejected": "Yes"},
        f"'rejected': expected another answer than the chosen one, found a string ('Yes'). {MEND}",
    ),
    "conversations that are the same": (
        {"chosen": [user("Q?"), assistant("Yes")], "rejected": [user("Q?"), assistant("Yes")]},
        f"'rejected': expected another answer than the chosen one, found a string ('Yes'). {MEND}",
    ),
    "texts without a question": (
        {"chosen": "\n\nHuman: Q?\n\nAssistant: Yes", "rejected": "\n\nHuman: Q?\n\nAssistant: No"},
        "'chosen': expected a list of turns that begins with the question, which has no column here, found a string ",
    ),
    "conversations that part before the last answer": (
        {"chosen": [*ASKED, assistant("A")], "rejected": [user("Q?"), assistant("No"), user("Oh."), assistant("B")]},
        "'chosen': expected one turn of the assistant, alone or after the turns of the question, found an array "
        "(['user', 'assistant', 'user', ...])",
    ),
    "a question that the answers do not answer": (
        {"prompt": "Other?", "chosen": [user("Q?"), assistant("A")], "rejected": [user("Q?"), assistant("B")]},
        "'prompt': expected what a user's turn says that the answers begin with, found a string ('Other?')",
    ),
    "an answer of the user": (
        {"prompt": "Q?", "chosen": [user("A")], "rejected": "B"},
        "'chosen[0].role': expected 'assistant' (user and assistant in turn), found a string ('user')",
    ),
    "nothing": ({"prompt": "Q?", "chosen": "A", "rejected": None}, "'rejected': expected text that is not blank"),
    "an empty list": ({"prompt": "Q?", "chosen": [], "rejected": "B"}, "'chosen': expected a list of at least one"),
    "a number": ({"prompt": 7, "chosen": "A", "rejected": "B"}, "'prompt': expected a list of at least one message"),
    "a rating": (
        {"prompt": "Q?", "completion": "A", "label": 0.5},
        "'label': expected true or false (or 1 or 0), found a number (0.5)",
    ),
    "no label": (
        {"prompt": "Q?", "completion": "A", "label": None},
        "'label': expected true or false (or 1 or 0), found",
    ),
    "a word": (
        {"prompt": "Q?", "completion": "A", "label": "good"},
        "'label': expected true or false (or 1 or 0), found",
    ),
}


@pytest.mark.parametrize(("row", "said"), BAD.values(), ids=BAD)
def test_a_bad_row_is_refused_with_its_field_and_what_was_expected(row, said):
    with pytest.raises(UserError) as refusal:
        build(row)
    assert f"rows.jsonl, row 1, field {said}" in str(refusal.value)


@pytest.mark.parametrize("columns", [["prompt", "chosen"], ["prompt", "rejeted", "chosen"], ["prompt", "answer"]])
def test_a_column_that_is_missing_is_told(columns):
    with pytest.raises(UserError, match=r"rows\.jsonl: there is no column '(rejected|chosen)', from which"):
        map_columns(SPEC, columns, "mine", "rows.jsonl")
    with pytest.raises(UserError, match=r"rows\.jsonl: there is no column 'label', from which the field 'label'"):
        map_columns(SPEC, ["prompt", "completion"], "mine", "rows.jsonl")


def test_the_stages_write_pairs_once_each_in_an_order_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    again = GOOD[0] | {"rejected": "Worse."}
    rows = run(lines(*GOOD, again, GOOD[0]), prepare={"format": "preference", "test": 2, "validation": 2})
    assert len(rows) == 11  # a question with another answer stays, a repeated row goes
    assert sorted((r["messages"][1]["content"], r["rejected"]["content"]) for r in rows) == sorted(
        (row["chosen"], row["rejected"]) for row in (*GOOD, again)
    )
    assert read_json("out/data_card.json")["duplicates"] == 1
    turned = run(lines(again, *reversed(GOOD)), prepare={"format": "preference", "test": 2, "validation": 2})
    assert turned == rows


def test_lists_in_parquet_and_labels_in_csv_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    turns = [
        {"chosen": [user(row["prompt"]), assistant(row["chosen"])], "rejected": [assistant(row["rejected"])]}
        | {"prompt": [user(row["prompt"])]}
        for row in GOOD
    ]
    rows = run(parquet(*turns), name="rows.parquet", prepare={"format": "preference"})
    assert {row["rejected"]["content"] for row in rows} == {row["rejected"] for row in GOOD}
    text = "prompt,completion,label\n" + "".join(f"{r['prompt']},{r['completion']},{r['label']}\n" for r in JUDGED)
    rows = run(text, name="rows.csv", prepare={"format": "preference"})
    assert {type(row["label"]) for row in rows} == {bool}


def test_answers_that_are_not_wanted_are_no_reference(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = {"format": "preference", "test": 10, "validation": 10}
    said = refuse(lines(*(row | {"label": False} for row in JUDGED)), prepare=wanted)
    assert "no rows remain for validation and test" in said and "20 of validation and test labelled false" in said
    run(lines(*JUDGED), prepare=wanted)
    splits = {name: [row["label"] for row in read_jsonl(f"out/{name}_dataset.json")] for name in SPLITS}
    assert (splits["validation"], splits["test"]) == ([True] * 5, [True] * 5)
    assert sorted(splits["train"]) == [False] * 10 + [True] * 10
    assert read_json("out/data_card.json")["unwanted"] == 10


PAIR = {"id": "1", "messages": [user("Q?"), assistant("Yes")], "rejected": assistant("No")}
DRAWN = {"id": "1", "messages": [user("Q?")], "chosen": assistant("Yes"), "rejected": assistant("No")}


def test_pairs_are_the_same_from_a_data_set_and_from_drawn_answers():
    assert [{**row} for row in list_pairs([PAIR])] == [DRAWN] == list_pairs([DRAWN])


def test_dpo_refuses_answers_with_labels():
    with pytest.raises(UserError, match=r"dataset: its rows are answers with a label each, and dpo .* method: kto"):
        list_pairs([{"id": "1", "messages": [user("Q?"), assistant("Yes")], "label": True}])


def test_kto_takes_pairs_as_two_answers():
    found = [(row["messages"], row["completion"], row["label"]) for row in list_labelled([PAIR])]
    assert found == [([user("Q?")], assistant("Yes"), True), ([user("Q?")], assistant("No"), False)]


def test_supervised_runs_learn_the_wanted_answers():
    rows = [{"id": "1", "label": True}, {"id": "2", "label": False}, PAIR, {"id": "3"}]
    assert [row["id"] for row in list_wanted(rows)] == ["1", "1", "3"]
    with pytest.raises(UserError, match=r"dataset: all 1 rows to learn from are labelled false, and sft learns"):
        list_wanted(rows[1:2])


def test_no_message_repeats_a_text_of_any_length(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = "x" * 100_000
    bad = [
        {"prompt": "Q?", "chosen": long, "rejected": long},
        {"prompt": long, "chosen": [user("Q?"), assistant("A")], "rejected": [user("Q?"), assistant("B")]},
        {"prompt": "Q?", "completion": "A", "label": long},
        {"chosen": long, "rejected": "B"},
    ]
    for row in bad:
        assert "rows.jsonl, row 1" in refuse(json.dumps(row) + "\n", prepare={"format": "preference"})
