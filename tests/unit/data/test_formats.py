import pytest

from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import build_examples, find_system, map_columns
from tunelab.data.worked_answers import ONE_SHOT, SYSTEM_PROMPT
from tunelab.errors import UserError
from tunelab.scoring.rewards import REWARDS

DEMONSTRATION = "<reasoning>\nIt is 3 + 4.\n</reasoning>\n<answer>\n7\n</answer>"
GSM8K_ROW = {"question": "How many clips?", "answer": "48+24 = <<48+24=72>>72 clips.\n#### 1,072"}


def build(rows, spec):
    columns = map_columns(spec, list(rows[0]), "quiz", "quiz.jsonl")
    return build_examples(rows, spec, columns, "quiz.jsonl")


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


def test_an_instruction_becomes_a_question_under_the_system_message():
    spec = PrepareSpec(format="instruction", system="回答问题")
    (example,) = build([{"instruction": "只剩一个心脏了还能活吗", "output": "能。"}], spec)
    assert example.messages == (system("回答问题"), user("只剩一个心脏了还能活吗"), assistant("能。"))
    assert (example.question, example.answer) == ("只剩一个心脏了还能活吗", None)


@pytest.mark.parametrize(
    ("given", "asked"), [("4 5", "Add these.\n4 5"), ("", "Add these."), (None, "Add these."), (" \n", "Add these.")]
)
def test_the_input_of_an_instruction_is_optional(given, asked):
    (example,) = build(
        [{"instruction": "Add these.", "input": given, "output": "9"}], PrepareSpec(format="instruction")
    )
    assert (example.question, example.messages) == (asked, (user(asked), assistant("9")))


def test_questions_and_prompts_have_their_own_field_names():
    (first,) = build([{"question": "Q?", "answer": "A."}], PrepareSpec(format="question_answer"))
    (second,) = build([{"prompt": "Q?", "completion": "A."}], PrepareSpec(format="prompt_completion"))
    assert first == second
    assert first.messages == (user("Q?"), assistant("A."))


@pytest.mark.parametrize(
    ("answer", "gold"), [(18, "18"), (18.0, "18"), (-0.5, "-0.5"), ("$1,000.50", "1000.5"), (" 7 ", "7")]
)
def test_a_number_alone_is_an_answer_in_the_layout_that_rewards_pay(answer, gold):
    (example,) = build([{"question": "How many?", "answer": answer}], PrepareSpec(format="maths"))
    assert example.answer == gold
    assert example.messages[0] == system(SYSTEM_PROMPT)
    said = example.messages[-1]["content"]
    paid = {name: reward(said, gold) for name, reward in REWARDS["fixed"].items()}
    assert paid == {name: reward(DEMONSTRATION, "7") for name, reward in REWARDS["fixed"].items()} | {
        "integer": 0.5 * ("." not in gold)
    }
    assert len(build([{"question": "Q?", "answer": 1}], PrepareSpec(format="maths", one_shot=True))[0].messages) == 5


@pytest.mark.parametrize("answer", ["x", "3 apples", None, True, 1e-7, "1/2", float("nan"), ""])
def test_an_answer_that_is_not_one_number_is_named(answer):
    with pytest.raises(UserError, match=r"quiz.jsonl, row 1, field 'answer': expected one number, such as 18"):
        build([{"question": "How many?", "answer": answer}], PrepareSpec(format="maths"))


def test_columns_are_mapped_and_others_left_alone():
    spec = PrepareSpec(format="question_answer", columns={"question": "frage", "answer": "antwort"})
    (example,) = build([{"frage": "Q?", "antwort": "A.", "question": 7}], spec)
    assert example.messages == (user("Q?"), assistant("A."))


def test_ready_made_messages_keep_their_own_system_message():
    turns = [user("Hi"), assistant("Hello"), user("Bye"), assistant("Ciao")]
    rows = [{"messages": [system("Be rude."), *turns]}, {"messages": turns}]
    first, second = build(rows, PrepareSpec(format="messages", system="Be kind."))
    assert first.messages == (system("Be rude."), *turns)
    assert second.messages == (system("Be kind."), *turns)
    assert first.question == second.question == "Hi\n\nBye"


def test_fields_of_messages_that_are_null_or_empty_are_none():
    row = {"messages": [user("Hi") | {"name": None}, assistant("Hello") | {"tool_calls": [], "x": None}]}
    (example,) = build([row], PrepareSpec(format="messages"))
    assert example.messages == (user("Hi"), assistant("Hello"))


def test_gsm8k_becomes_a_demonstration_under_the_blogs_prompt_with_a_normalised_gold_number():
    (example,) = build([GSM8K_ROW], PrepareSpec(format="gsm8k"))
    reply = "<reasoning>\n48+24 = 72 clips.\n</reasoning>\n<answer>\n1072\n</answer>"
    assert example.messages == (system(SYSTEM_PROMPT), user("How many clips?"), assistant(reply))
    assert example.build_record("f00") == {"id": "f00", "messages": list(example.messages), "answer": "1072"}


def test_the_one_shot_example_stands_before_the_question_and_is_no_part_of_it():
    (example,) = build([GSM8K_ROW], PrepareSpec(format="gsm8k", one_shot=True))
    assert example.messages[1:3] == ONE_SHOT
    assert example.messages[3] == user("How many clips?")
    assert (len(example.messages), example.question) == (5, "How many clips?")


def test_the_system_message_of_the_config_wins_and_an_empty_one_means_none():
    assert find_system(PrepareSpec(format="gsm8k", system="Think.")) == "Think."
    assert find_system(PrepareSpec(format="gsm8k", system="")) is None
    assert find_system(PrepareSpec(format="question_answer")) is None


def test_an_unknown_field_is_refused_with_the_one_that_was_meant():
    spec = PrepareSpec(format="question_answer", columns={"qestion": "q"})
    with pytest.raises(UserError) as error:
        map_columns(spec, ["q", "answer"], "quiz", "quiz.jsonl")
    assert str(error.value) == (
        "datasets.quiz.prepare.columns: 'qestion' is no field of the format; the format question_answer has the "
        "fields question, answer (did you mean 'question'?)."
    )


def test_a_missing_column_is_refused_with_those_present_and_the_one_that_was_meant():
    with pytest.raises(UserError) as error:
        map_columns(PrepareSpec(format="question_answer"), ["QUESTION", "answer"], "quiz", "quiz.jsonl")
    assert str(error.value) == (
        "quiz.jsonl: there is no column 'question', from which the field 'question' is read; the columns are "
        "'QUESTION', 'answer' (did you mean 'QUESTION'?). Name one of them in datasets.quiz.prepare.columns.question."
    )


def test_a_mapped_optional_column_must_be_there():
    spec = PrepareSpec(format="instruction", columns={"input": "context"})
    with pytest.raises(UserError, match="there is no column 'context', from which the field 'input' is read"):
        map_columns(spec, ["instruction", "output"], "quiz", "quiz.jsonl")


@pytest.mark.parametrize("value", ["", " \n", "\u200b", None, 7, ["a"], "x" * 1_000_001])
def test_a_field_that_is_blank_or_no_text_is_refused(value):
    rows = [{"question": "Q?", "answer": "A."}, {"question": "Q?", "answer": value}]
    expected = "text that is not blank|text of at most 1,000,000 characters"
    with pytest.raises(UserError, match=rf"quiz\.jsonl, row 2, field 'answer': expected ({expected}), found"):
        build(rows, PrepareSpec(format="question_answer"))


def test_a_bad_row_names_file_row_field_column_what_was_expected_and_what_was_found():
    spec = PrepareSpec(format="gsm8k", columns={"answer": "solution"})
    rows = [{"question": "Q?", "solution": "Steps.\n#### 7"}, {"question": "Q?", "solution": "Steps. Seven."}]
    with pytest.raises(UserError) as error:
        build(rows, spec)
    assert str(error.value) == (
        "quiz.jsonl, row 2, field 'answer' (column 'solution'): expected worked steps and then '#### ' with one "
        "number, found a string ('Steps. Seven.'). Mend or remove the row, or map another column."
    )


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        (None, "field 'messages': expected a list of at least two messages with role and content, found nothing"),
        ([user("Hi")], "field 'messages': expected a list of at least two"),
        (["Hi", "Hello"], r"field 'messages\[0\]': expected a message with role and content, found a string"),
        (
            [{"from": "human", "value": "Hi"}, assistant("Hi")],
            r"field 'messages\[0\]': expected a message with role and",
        ),
        ([assistant("Hi"), user("Hello")], r"field 'messages\[0\]\.role': expected 'user' .* found a string"),
        ([system("Be."), assistant("Hi")], r"field 'messages\[1\]\.role': expected 'user'"),
        ([user("Hi"), user("Hi")], r"field 'messages\[1\]\.role': expected 'assistant'"),
        ([user("Hi"), assistant(" ")], r"field 'messages\[1\]\.content': expected text that is not blank"),
        ([user("Hi"), assistant("Hello"), user("?")], r"field 'messages\[-1\]\.role': expected 'assistant'"),
    ],
)
def test_a_conversation_of_the_wrong_form_is_refused(messages, complaint):
    with pytest.raises(UserError, match=complaint):
        build([{"messages": messages}], PrepareSpec(format="messages"))
