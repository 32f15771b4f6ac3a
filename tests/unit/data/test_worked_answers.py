import pytest

from tunelab.data.worked_answers import ONE_SHOT, SYSTEM_PROMPT, render_demonstration, split_worked_answer


def test_the_system_prompt_is_the_blogs_to_the_letter():
    assert SYSTEM_PROMPT == (
        "\nRespond in the following format:\n<reasoning>\n...\n</reasoning>\n<answer>\n...\n</answer>\n"
    )


def test_calculator_notes_are_removed_from_the_steps():
    text = "Natalia sold 48/2 = <<48/2=24>>24 clips.\nShe sold 48+24 = <<48+24=72>>72 in all.\n#### 72"
    assert split_worked_answer(text) == ("Natalia sold 48/2 = 24 clips.\nShe sold 48+24 = 72 in all.", "72")


def test_smaller_and_greater_signs_of_the_steps_themselves_stay():
    assert split_worked_answer("4 < 4.8 and 6 > 5.\n#### 5") == ("4 < 4.8 and 6 > 5.", "5")


@pytest.mark.parametrize(("tail", "gold"), [("1,250", "1250"), (" -3", "-3"), (" $18.00\n", "18"), (" 2.5", "2.5")])
def test_the_gold_number_is_normalised(tail, gold):
    assert split_worked_answer(f"Steps.\n####{tail}") == ("Steps.", gold)


def test_the_number_after_the_last_mark_counts():
    assert split_worked_answer("#### 1 was a draft.\n#### 2") == ("#### 1 was a draft.", "2")


@pytest.mark.parametrize("text", ["Steps without a mark 72", "Steps.\n####", "Steps.\n#### many", "#### 72", ""])
def test_an_answer_without_steps_or_a_number_is_none(text):
    assert split_worked_answer(text) is None


def test_a_demonstration_keeps_its_lines_and_ends_at_the_closing_tag():
    assert render_demonstration("One.\nTwo.", "18") == (
        "<reasoning>\nOne.\nTwo.\n</reasoning>\n<answer>\n18\n</answer>"
    )


def test_the_one_shot_example_is_a_question_and_a_demonstration():
    assert [turn["role"] for turn in ONE_SHOT] == ["user", "assistant"]
    assert ONE_SHOT[1]["content"].endswith("</reasoning>\n<answer>\n15\n</answer>")
