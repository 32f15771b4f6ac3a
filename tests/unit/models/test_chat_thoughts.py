"""What a template adds to an answer, and a thought before it, is no part of what is judged."""

import json

import pytest
from families import wear_template

from tunelab.config import models
from tunelab.config.specs.sources import ChatSettings
from tunelab.config.specs.training import Rewards
from tunelab.errors import UserError
from tunelab.models import chat, settling
from tunelab.models.chat_thoughts import place_thought, read_answer
from tunelab.scoring.own_functions import build_scorer, describe_row
from tunelab.scoring.rewards import build_reward_functions, is_right
from tunelab.scoring.scorers import build_text_scorer, score_maths

SOLVED = "<reasoning>\n2 + 3 = 5\n</reasoning>\n<answer>\n5\n</answer>"
ANSWERS = {"maths": (SOLVED, "5"), "text": ("It is Paris,\nof course.", "Paris")}
# for models of pictures, with a thought that every answer must have, or without an end of it
NO_PICTURES, NO_THOUGHT = ("llava_next", "idefics3", "smolvlm"), ("deepseek_r1_distill", "deepseekv3")
NEMOTRON = ("nemotron_3_5_lightning", "nemotron_3_nano", "nemotron_3_super", "nemotron_3_ultra")
NO_TEXT = {f"{name}{use}" for name in (*NO_PICTURES, *NO_THOUGHT, *NEMOTRON) for use in ("", "_training")}
REFUSED = {*NO_TEXT, "glm4moe"}
BUNDLED = [name for name in (*models.OWN, *models.TRL) if name not in REFUSED]
# templates that show a thought that a turn carries apart
THINKING = {
    "reasoning_content": (
        "qwen3",
        "qwen3_5_think",
        "qwen3_8",
        "glm4moe_training",
        "lfm2_2_5",
        "muse_glimmer",
        "gemma4_v5",
    )
}
THINKING |= {"thinking": ("gptoss",)}


def settle(name):
    tokenizer = wear_template(name)
    tokenizer.chat_template, _ = settling.settle_template(tokenizer, ChatSettings(chat_template=name), "models.t")
    return tokenizer


def build_turns(answer, **more):
    return [{"role": "user", "content": "How much?"}, {"role": "assistant", "content": answer, **more}]


def write_learnt(tokenizer, turns):
    """Return what a model says that has learnt the turns by heart, as it is read."""
    encoded = chat.encode_conversation(tokenizer, turns)
    return read_answer(
        tokenizer,
        [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask],
    )


def check_right(said, turns, gold, file):
    """Hold a learnt row to be right by every measure, as it is judged in training and in scoring."""
    answer = {"id": "a", "completion": said, "finish": "stop", "tokens": 9}
    row = {"id": "a", "messages": turns, "answer": gold}
    text = build_text_scorer()(answer, row)
    assert (text["rouge_l"], text["length_ratio"]) == (1.0, 1.0)
    assert text["chrf"] == pytest.approx(100)
    told = {"prompts": [turns[:-1]], "completions": [[{"role": "assistant", "content": said}]]}
    told |= {"row": [describe_row(row)], "answer": [gold]}
    assert build_scorer("equal", file)(**told) == [1.0]
    if turns[-1]["content"].endswith(SOLVED):
        verdict = score_maths(answer, row)
        assert verdict["strict"]
        assert verdict["flexible"]
        assert set(verdict["rewards"].values()) == {2.0, 0.5}
        assert is_right(said, gold, "fixed")
        functions, _ = build_reward_functions(Rewards(weights=dict.fromkeys(verdict["rewards"], 1.0)))
        assert [function(**told) for function in functions] == [[value] for value in verdict["rewards"].values()]


@pytest.fixture(scope="module")
def own_function(tmp_path_factory):
    file = tmp_path_factory.mktemp("rewards") / "mine.py"
    file.write_text(
        "def equal(prompts, completions, reference, **columns):\n"
        "    return [float(turns[0]['content'].rstrip() == text) for turns, text in zip(completions, reference)]\n"
    )
    return str(file)


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("name", BUNDLED)
def test_a_learnt_row_is_right_by_its_own_measure(name, kind, own_function):
    answer, gold = ANSWERS[kind]
    tokenizer = settle(name)
    check_right(write_learnt(tokenizer, build_turns(answer)), build_turns(answer), gold, own_function)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_other_templates_are_refused(name):
    with pytest.raises(UserError, match="chat template"):
        write_learnt(settle(name), build_turns("5"))


@pytest.mark.parametrize(("field", "name"), [(field, name) for field, names in THINKING.items() for name in names])
def test_a_thought_stays_visible_and_is_not_judged(field, name, own_function):
    tokenizer = settle(name)
    turns = build_turns(SOLVED, **{field: "Is it <answer>4</answer>?"})
    said = write_learnt(tokenizer, turns)
    assert "<answer>4</answer>" in said
    check_right(said, turns, "5", own_function)


@pytest.mark.parametrize("thought", ["", "Hm, 4?"])
@pytest.mark.parametrize("name", BUNDLED)
def test_a_drawn_answer_is_learnt_as_it_was_drawn(name, thought):
    tokenizer = settle(name)
    field = next((field for field, names in THINKING.items() if name in names), None)
    carried = {field: thought} if thought and field else {}
    said = write_learnt(tokenizer, build_turns("Five.", **carried))
    assert write_learnt(tokenizer, build_turns(said)).strip() == said.strip()


def test_an_unfinished_thought_that_the_template_opened_is_no_answer():
    tokenizer = settle("qwen3_5_think")
    said = read_answer(tokenizer, tokenizer("It is\n" + SOLVED)["input_ids"])
    verdict = score_maths({"id": "a", "completion": said, "finish": "length", "tokens": 9}, {"answer": "5"})
    assert said.startswith("<think>\nIt is")
    assert (verdict["strict"], verdict["flexible"], verdict["no_answer"]) == (False, False, True)


def test_functions_of_users_are_given_the_thought_apart(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "def mine(completions, **columns):\n"
        f"    open({str(tmp_path / 'log')!r}, 'w').write(__import__('json').dumps(completions))\n"
        "    return [0.0 for _ in completions]\n"
    )
    turns = [[{"role": "assistant", "content": "<think>\nHm.\n</think>\n\nFine. </think>"}]]
    build_scorer("mine", str(file))(prompts=[[]], completions=turns, row=['{"id": "a"}'])
    (given,) = json.loads((tmp_path / "log").read_text())
    assert given == [{"role": "assistant", "content": "Fine. </think>", "reasoning_content": "\nHm.\n"}]


@pytest.mark.parametrize("content", ["Fine.", "To <think> is </think> good."])
def test_text_without_a_leading_thought_stays_as_it_is(content):
    turns = build_turns(content)
    assert place_thought(settle("gptoss"), turns) is turns
