"""What a conversation carries besides its texts reaches the model, or is refused with its name."""

import pytest

from tunelab.errors import UserError
from tunelab.models.chat import encode_conversation, load_tokenizer
from tunelab.models.learnt_rows import check_carried, check_told_apart

PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}\n{% endfor %}"
FULL = (
    "{% for m in messages %}<{{ m.role }}>"
    "{% if m.reasoning_content and loop.last %}({{ m.reasoning_content }}){% endif %}{{ m.content }}"
    "{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{{ eos_token }}\n{% endfor %}"
)
MUTE = "{% for m in messages if m.role != 'tool' %}<{{ m.role }}>{{ m.content }}{{ eos_token }}\n{% endfor %}"
CALLS = [{"type": "function", "function": {"name": "look", "arguments": {}}}]


@pytest.fixture
def tokenizer(llama):
    return load_tokenizer(llama)


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text} | more


def row(*turns):
    return {"id": "f00", "messages": list(turns)}


REASONED = row(user("a"), assistant("b", reasoning_content="c"))
EARLY = row(user("a"), assistant("b", reasoning_content="c"), user("d"), assistant("e"))
CALLED = row(user("a"), assistant("", tool_calls=CALLS), {"role": "tool", "content": "4"}, assistant("b"))
NAMED = row(user("a") | {"name": "guest"}, assistant("b"))


@pytest.mark.parametrize(
    ("template", "rows", "lost"),
    [
        (PLAIN, [NAMED, row(user("a"), assistant("b"))], None),
        (PLAIN, [NAMED, REASONED], "reasoning_content"),
        (PLAIN, [CALLED], "tool_calls"),
        (FULL, [EARLY, REASONED, CALLED], None),
        (FULL, [EARLY], "reasoning_content"),
        (MUTE, [row(user("a"), {"role": "tool", "content": "4"}, assistant("b"))], "role: tool"),
    ],
)
def test_what_a_template_leaves_out_is_refused_with_its_name(tokenizer, template, rows, lost):
    tokenizer.chat_template = template
    if lost is None:
        check_carried(tokenizer, rows)
        return
    with pytest.raises(UserError) as refusal:
        check_carried(tokenizer, rows)
    assert str(refusal.value).startswith(
        f"The model's chat template leaves out '{lost}', which turns of 1 rows carry (first: row f00)"
    )


def test_a_turn_of_weight_0_does_not_count(tokenizer):
    first, second = assistant("No."), assistant("Yes.")
    both = encode_conversation(tokenizer, [user("a"), first, user("b"), second])
    last = encode_conversation(tokenizer, [user("a"), first | {"weight": 0}, user("b"), second])
    none = encode_conversation(tokenizer, [user("a"), first | {"weight": 0}, user("b"), second | {"weight": 0}])
    assert both["input_ids"] == last["input_ids"] == none["input_ids"]
    begun = len(encode_conversation(tokenizer, [user("a"), first, user("b")])["input_ids"])
    assert 0 < sum(last["assistant_masks"]) < sum(both["assistant_masks"])
    assert not any(last["assistant_masks"][:begun]) and not any(none["assistant_masks"])
    assert last["assistant_masks"][begun:] == both["assistant_masks"][begun:]


TRIMMING = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{{ eos_token }}\n{% endfor %}"
PAIRS = [("It is 1.", "It is 1.\n"), ("It is 2.", "It is 3."), ("\tIt is 3.", "It is 3.")]


@pytest.fixture
def trimmed(tokenizer):
    """The ids and both sides' tokens of pairs of which the first and the last are equal but for white space."""
    tokenizer.chat_template = TRIMMING
    sides = [
        [encode_conversation(tokenizer, [user("a"), assistant(pair[side])])["input_ids"] for pair in PAIRS]
        for side in (0, 1)
    ]
    return [f"p{number}" for number in range(len(PAIRS))], *sides


def test_pairs_that_a_template_makes_equal_are_refused_with_their_rows(trimmed):
    with pytest.raises(UserError, match=r"answer of 2 rows of 3 are the same tokens .* \(rows 'p0', 'p2'\)"):
        check_told_apart(*trimmed)


def test_pairs_that_differ_in_the_template_are_taken(trimmed):
    check_told_apart(*(part[1:2] for part in trimmed))
