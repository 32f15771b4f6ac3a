"""Conversations as people have them: ShareGPT, tools, reasoning, weights, and prompts of several turns."""

import datetime
import json
from pathlib import Path

import pytest

from tests.unit.data.dataset_stages import lines, parquet, refuse, run
from tunelab.records import read_json

MEND = "Mend or remove the row, or map another column."
CALL = {"id": "c1", "type": "function", "function": {"name": "find_shelf", "arguments": '{"thing": "kettle"}'}}
READ_CALL = CALL | {"function": {"name": "find_shelf", "arguments": {"thing": "kettle"}}}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def user(text, **more):
    return {"role": "user", "content": text} | more


def assistant(text, **more):
    return {"role": "assistant", "content": text} | more


def system(text):
    return {"role": "system", "content": text}


def tool(text, **more):
    return {"role": "tool", "content": text} | more


def said(name, text, **more):
    return {"from": name, "value": text} | more


def read(row, file="rows.jsonl", **prepare):
    """Prepare four conversations that differ in a filler, and return the messages of the row itself."""
    rows = [json.loads(json.dumps(row).replace("KEY", f"key {number}")) for number in range(4)]
    content = parquet(*rows) if file.endswith("parquet") else lines(*rows)
    found = run(content, file, prepare=prepare)
    assert len(found) == 4
    return next(item["messages"] for item in found if "key 0" in json.dumps(item))


KEPT = {
    "reasoning": [user("KEY?"), assistant("On shelf 0.", reasoning_content="Shelf 0 is free.")],
    "reasoning of another name": [user("KEY?"), assistant("On shelf 0.", thinking="Shelf 0 is free.")],
    "a name": [user("KEY?", name="guest"), assistant("Yes.")],
    "a call beside words": [user("KEY?"), assistant("Let me look.", tool_calls=[READ_CALL])],
    "a tool's answer": [
        system("Be short."),
        user("KEY?"),
        assistant("", tool_calls=[READ_CALL, READ_CALL]),
        tool("4", tool_call_id="c1"),
        tool("", name="find_shelf"),
        assistant("Shelf 4."),
        user("And now?"),
        assistant("Still there."),
    ],
    "a turn that is not learnt": [user("KEY?"), assistant("No.", weight=0), user("Sure?"), assistant("Yes.")],
}


@pytest.mark.parametrize("file", ["rows.jsonl", "rows.parquet"])
@pytest.mark.parametrize("case", KEPT)
def test_what_turns_carry_is_kept(case, file):
    kept = json.loads(json.dumps(KEPT[case]).replace("KEY", "key 0"))
    assert read({"messages": KEPT[case]}, file, format="messages") == kept


def test_calls_come_as_templates_take_them():
    flat = {"name": "find_shelf", "arguments": {"thing": "kettle"}}
    for calls in ([CALL], [READ_CALL], [CALL["function"] | {"arguments": {"thing": "kettle"}}], json.dumps([flat])):
        messages = read({"messages": [user("KEY?"), assistant("Look.", tool_calls=calls)]}, format="messages")
        (call,) = messages[1]["tool_calls"]
        assert call["type"] == "function" and call["function"] == READ_CALL["function"]


def test_a_call_does_not_get_the_arguments_of_other_rows():
    rows = [
        {
            "messages": [
                user(f"{name}?"),
                assistant("Look.", tool_calls=[{"function": {"name": name, "arguments": {name: 1}}}]),
            ]
        }
        for name in "abcd"
    ]
    found = run(lines(*rows), prepare={"format": "messages"})
    assert sorted(json.dumps(row["messages"][1]["tool_calls"][0]["function"]) for row in found) == [
        json.dumps({"name": name, "arguments": {name: 1}}) for name in "abcd"
    ]


def test_sharegpt_is_read_with_all_its_roles():
    conversation = [
        said("system", "Be short."),
        said("human", "KEY?"),
        said("function_call", '{"name": "find_shelf", "arguments": {"thing": "kettle"}}'),
        said("observation", "4"),
        said("gpt", "Shelf 4."),
        said("user", "Sure?"),
        said("chatgpt", "Yes."),
    ]
    assert read({"conversations": conversation}, format="sharegpt", system="Be long.") == [
        system("Be short."),
        user("key 0?"),
        assistant("", tool_calls=[{"type": "function", "function": READ_CALL["function"]}]),
        tool("4"),
        assistant("Shelf 4."),
        user("Sure?"),
        assistant("Yes."),
    ]


@pytest.mark.parametrize(("own", "kept"), [("Be short.", "Be short."), ("", "Be long."), (None, "Be long.")])
def test_the_system_column_of_sharegpt_goes_before_the_configs(own, kept):
    row = {"conversations": [said("human", "KEY?"), said("gpt", "Yes.")], "system": own, "tools": "[]"}
    assert read(row, format="sharegpt", system="Be long.")[0] == system(kept)


@pytest.mark.parametrize("said_nothing", ["", " \n"])
def test_an_empty_system_turn_means_none(said_nothing):
    row = {"messages": [system(said_nothing), user("KEY?"), assistant("Yes.")]}
    assert read(row, format="messages", system="Be long.") == [user("key 0?"), assistant("Yes.")]


def test_prompt_and_completion_may_be_lists_of_turns_of_which_the_completion_is_learnt():
    row = {
        "prompt": [user("KEY?"), assistant("No."), user("Sure?")],
        "completion": [assistant("Let me look.", tool_calls=[READ_CALL]), tool("4"), assistant("Yes.")],
    }
    assert read(row, format="prompt_completion", system="Be short.") == [
        system("Be short."),
        user("key 0?"),
        assistant("No.", weight=0),
        user("Sure?"),
        *row["completion"],
    ]


@pytest.mark.parametrize(("field", "learnt"), [("weight", 1), ("weight", 1.0), ("train", True), ("loss", True)])
def test_weights_of_every_name_are_read(field, learnt):
    turns = [
        user("KEY?"),
        assistant("No.", **{field: type(learnt)(0)}),
        user("Sure?"),
        assistant("Yes.", **{field: learnt}),
    ]
    assert read({"messages": turns}, format="messages") == [
        user("key 0?"),
        assistant("No.", weight=0),
        user("Sure?"),
        assistant("Yes."),
    ]


def test_training_may_be_on_the_last_turn_only():
    turns = [user("KEY?"), assistant("No."), user("Sure?"), assistant("Yes.")]
    messages = read({"messages": turns}, format="messages", train_on="last")
    assert messages == [user("key 0?"), assistant("No.", weight=0), user("Sure?"), assistant("Yes.")]
    gold = {"question": "KEY?", "answer": "Steps.\n#### 5"}
    shown = read(gold, format="gsm8k", one_shot=True, train_on="last")
    assert [turn.get("weight", 1) for turn in shown if turn["role"] == "assistant"] == [0, 1]


def test_the_card_counts_test_rows_of_several_replies():
    read({"messages": [user("KEY?"), assistant("No."), user("Sure?"), assistant("Yes.")]}, format="messages", test=2)
    assert read_json(Path("out/data_card.json"))["several_replies"] == 2
    read({"messages": [user("KEY?"), assistant("No.")]}, format="messages")
    assert read_json(Path("out/data_card.json"))["several_replies"] == 0


KNOWN = "known: name, reasoning_content, thinking, tool_calls, tool_call_id, weight, train, loss; remove or rename it"
REFUSED = {
    "a field of no meaning": (
        [user("a"), assistant("b", mask=True)],
        f"messages[1].mask': expected no such field in a turn ({KNOWN}), found true or false (True).",
    ),
    "calls of the user": (
        [user("a", tool_calls=[CALL]), assistant("b")],
        "messages[0].tool_calls': expected this field in turns of assistant only, found an array",
    ),
    "a call without a name": (
        [user("a"), assistant("b", tool_calls=[{"type": "function", "function": {"arguments": "{}"}}])],
        "messages[1].tool_calls[0]': expected a call with a function's name and arguments, found an object",
    ),
    "arguments that are no JSON": (
        [user("a"), assistant("b", tool_calls=[{"function": {"name": "x", "arguments": "kettle"}}])],
        "messages[1].tool_calls[0].arguments': expected a JSON object, found a string ('kettle').",
    ),
    "arguments with a name twice": (
        [user("a"), assistant("b", tool_calls=[{"function": {"name": "x", "arguments": '{"n": 1, "n": 2}'}}])],
        "messages[1].tool_calls[0].arguments': expected a JSON object (it stands 2 times in one object; keep one of "
        'them), found a string (\'{"n": 1, "n": 2}\').',
    ),
    "arguments with no number": (
        [user("a"), assistant("b", tool_calls=[{"function": {"name": "x", "arguments": '{"n": [NaN]}'}}])],
        "messages[1].tool_calls[0].arguments': expected a JSON object (NaN is no value of JSON; write null, or leave "
        "the field out), found a string ('{\"n\": [NaN]}').",
    ),
    "arguments that are a list": (
        [user("a"), assistant("b", tool_calls=[{"function": {"name": "x", "arguments": "[1]"}}])],
        "messages[1].tool_calls[0].arguments': expected a JSON object, found a string ('[1]').",
    ),
    "a call that no tool answers": (
        [user("a"), assistant("", tool_calls=[CALL]), user("b"), assistant("c")],
        "messages[2].role': expected 'tool' (user and assistant in turn), found a string ('user').",
    ),
    "a tool that nobody called": (
        [user("a"), assistant("b"), tool("4"), assistant("c")],
        "messages[2].role': expected 'user' (user and assistant in turn), found a string ('tool').",
    ),
    "the user after a tool": (
        [user("a"), assistant("", tool_calls=[CALL]), tool("4"), user("b")],
        "messages[3].role': expected 'tool' or 'assistant' (user and assistant in turn), found a string ('user').",
    ),
    "a last turn without words": (
        [user("a"), assistant("", tool_calls=[CALL])],
        "messages[-1].content': expected text that is not blank, found a string ('').",
    ),
    "a system turn in the middle": (
        [user("a"), system("b"), assistant("c")],
        "messages[1].role': expected 'assistant' (user and assistant in turn), found a string ('system').",
    ),
    "half a weight": (
        [user("a"), assistant("b", weight=0.5)],
        "messages[1].weight': expected 0 or 1, false or true, found a number (0.5).",
    ),
    "weights that differ": (
        [user("a"), assistant("b", weight=1, train=False)],
        "messages[1].train': expected the same as in weight, found true or false (False).",
    ),
    "a user's turn to learn": (
        [user("a", weight=1), assistant("b")],
        "messages[0].weight': expected 0 or nothing, as only the assistant's turns are learnt, found a number (1).",
    ),
    "nothing to learn": (
        [user("a"), assistant("b", weight=0)],
        "messages': expected a turn of the assistant whose weight is not 0, found an array ([0]).",
    ),
    "blank reasoning of a number": (
        [user("a"), assistant("b", reasoning_content=7)],
        "messages[1].reasoning_content': expected text that is not blank, found a number (7).",
    ),
    "no content": (
        [user("a"), {"role": "assistant"}],
        "messages[1].content': expected text that is not blank, found nothing.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_turns_that_cannot_be_used_are_refused_by_name(case):
    turns, complaint = REFUSED[case]
    Path("rows.json").write_text(json.dumps([{"messages": turns}]))
    assert f"rows.json, row 1, field '{complaint}" in refuse(
        json.dumps([{"messages": turns}]), "rows.json", prepare={"format": "messages"}
    )


@pytest.mark.parametrize(
    ("conversation", "complaint"),
    [
        (
            [said("gpt", "a"), said("human", "b")],
            "[0].from': expected 'human' (user and assistant in turn), found a string ('gpt')",
        ),
        (
            [said("human", "a"), said("bing", "b")],
            "[1].from': expected 'gpt' (user and assistant in turn), found a string ('bing')",
        ),
        ([said("human", "a"), said("gpt", "")], "[1].value': expected text that is not blank"),
        ([user("a"), assistant("b")], "[0]': expected a message with from and value, found an object"),
        ([said("human", "a"), said("function_call", "look")], "[1].value': expected a list of calls, each with a"),
        ([said("human", "a")], "': expected a list of at least two messages with from and value"),
    ],
)
def test_sharegpt_of_the_wrong_form_is_refused_in_its_own_words(conversation, complaint):
    found = refuse(lines({"conversations": conversation}), prepare={"format": "sharegpt"})
    assert found.startswith(f"rows.jsonl, row 1, field 'conversations{complaint}") and found.endswith(MEND)


def test_tools_of_a_row_are_refused_because_no_template_is_given_them():
    row = {"messages": [user("a"), assistant("b")], "tools": [{"name": "look"}]}
    assert "row 1, field 'tools': expected nothing, as templates are given no tools" in refuse(
        lines(row), prepare={"format": "messages"}
    )


def test_an_empty_list_of_turns_is_refused_by_field():
    rows = lines({"prompt": [], "completion": [assistant("b")]})
    assert "field 'prompt': expected a list of at least one message" in refuse(
        rows, prepare={"format": "prompt_completion"}
    )
    rows = lines({"prompt": [user("a")], "completion": [user("b")]})
    assert "field 'completion[0].role': expected 'assistant'" in refuse(rows, prepare={"format": "prompt_completion"})


def test_keys_that_only_some_rows_have_and_empty_objects_do_no_harm():
    rows = [
        {"messages": [user(f"{number}?") | ({"name": "guest"} if number % 2 else {}), assistant("Yes.")], "meta": {}}
        for number in range(12)
    ]
    found = run(lines(*rows), prepare={"format": "messages"})
    assert len(found) == 12
    assert sum("name" in row["messages"][0] for row in found) == 6


def test_a_column_nobody_uses_may_be_left_out_when_its_values_are_mixed():
    rows = [{"question": f"{n}?", "answer": "a", "more": [{"default": 4 if n % 2 else "four"}]} for n in range(4)]
    assert refuse(lines(*rows)) == (
        "rows.jsonl, row 2, field 'more[].default': a number (4), but a string in rows.jsonl, row 1. Write it the same "
        "way everywhere, or leave the field out."
    )


@pytest.mark.parametrize("value", [float("nan"), datetime.datetime(2024, 7, 26), b"x"])
def test_arguments_that_json_does_not_know_are_refused(value):
    call = {"function": {"name": "x", "arguments": {"n": value}}}
    table = parquet(*[{"messages": [user("a"), assistant("b", tool_calls=[call]), tool("4"), assistant("c")]}] * 4)
    sentence = refuse(table, "rows.parquet", prepare={"format": "messages"})
    assert "rows.parquet, row 1, field 'messages[1].tool_calls[0]': expected values that JSON knows" in sentence
