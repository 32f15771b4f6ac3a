import pytest
from trl.chat_template_utils import qwen2_5_chat_template, qwen3_chat_template

from tunelab.errors import UserError
from tunelab.models import chat
from tunelab.sources.tiny import build_tokenizer

ONE_TURN = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Fine — 很好 🙂."}]
TWO_TURNS = [
    {"role": "system", "content": "Be kind."},
    *ONE_TURN,
    {"role": "user", "content": "And now ?"},
    {"role": "assistant", "content": "Still fine ."},
]
FORGETFUL = """
{%- for m in messages %}
{{- m.role }}:{{ m.content if m.role == 'user' or loop.last else '…' }}<|im_end|>
{%- endfor %}
{%- if add_generation_prompt %}assistant:{% endif %}"""


@pytest.fixture(params=["tiny", "qwen2.5"])
def tokenizer(request):
    made = build_tokenizer()
    if request.param == "qwen2.5":
        made.chat_template = qwen2_5_chat_template
    return made


def encode_prompt(tokenizer, messages):
    return tokenizer(chat.render_prompt(tokenizer, messages), add_special_tokens=False)["input_ids"]


def decode_trained(tokenizer, encoded):
    pairs = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
    return tokenizer.decode([token for token, trained in pairs if trained])


def test_the_mask_covers_the_answer_and_its_end_token_and_nothing_else(tokenizer):
    encoded = chat.encode_conversation(tokenizer, ONE_TURN)
    ids, mask = encoded["input_ids"], encoded["assistant_masks"]
    assert decode_trained(tokenizer, encoded) == "Fine — 很好 🙂.<|im_end|>"
    begin, end = mask.index(1), len(mask) - mask[::-1].index(1)
    assert mask == [0] * begin + [1] * (end - begin) + [0]
    assert ids[end - 1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids[end:]) == "\n"
    assert tokenizer.decode(ids[:begin]).endswith("How are you?<|im_end|>\n<|im_start|>assistant\n")


def test_every_turn_of_the_assistant_counts_and_no_other(tokenizer):
    encoded = chat.encode_conversation(tokenizer, TWO_TURNS)
    assert decode_trained(tokenizer, encoded) == "Fine — 很好 🙂.<|im_end|>Still fine .<|im_end|>"


@pytest.mark.parametrize("turn", [2, 4])
def test_the_prompt_of_generation_is_the_beginning_of_what_is_trained_on(tokenizer, turn):
    prompt = encode_prompt(tokenizer, TWO_TURNS[:turn])
    encoded = chat.encode_conversation(tokenizer, TWO_TURNS)
    assert len(prompt) > 40
    assert encoded["input_ids"][: len(prompt)] == prompt
    assert encoded["assistant_masks"][len(prompt) - 1 : len(prompt) + 1] == [0, 1]


def test_the_pieces_make_up_the_whole_rendered_conversation(tokenizer):
    rendered = tokenizer.apply_chat_template(TWO_TURNS, tokenize=False)
    whole = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    assert chat.encode_conversation(tokenizer, TWO_TURNS)["input_ids"] == whole
    assert "".join(text for text, _ in chat.split_turns(tokenizer, TWO_TURNS)) == rendered


def test_a_system_message_of_the_template_is_trained_and_generated_with_alike():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = qwen2_5_chat_template
    prompt = chat.render_prompt(tokenizer, ONE_TURN[:1])
    assert prompt.startswith("<|im_start|>system\nYou are Qwen")
    assert next(chat.split_turns(tokenizer, ONE_TURN)) == (prompt, False)


def test_max_length_cuts_ids_and_mask_at_the_same_place(tokenizer):
    whole = chat.encode_conversation(tokenizer, ONE_TURN)
    begin = whole["assistant_masks"].index(1)
    cut = chat.encode_conversation(tokenizer, ONE_TURN, begin + 4)
    assert cut["input_ids"] == whole["input_ids"][: begin + 4]
    assert cut["assistant_masks"] == [0] * begin + [1] * 4
    assert chat.encode_conversation(tokenizer, ONE_TURN, 9999) == whole


def test_a_template_that_does_not_close_the_answer_is_refused(tokenizer):
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>", "")
    with pytest.raises(UserError, match=r"does not end the assistant's turn with '<\|im_end\|>'"):
        chat.encode_conversation(tokenizer, ONE_TURN)


@pytest.mark.parametrize("template", [FORGETFUL, qwen3_chat_template], ids=["forgetful", "qwen3"])
def test_a_template_that_rewrites_earlier_turns_is_refused(template):
    tokenizer = build_tokenizer()
    tokenizer.chat_template = template
    with pytest.raises(UserError, match="changes earlier turns"):
        chat.encode_conversation(tokenizer, TWO_TURNS)


def test_the_preview_shows_the_rendered_conversation_and_what_counts(tokenizer):
    pieces = chat.preview_mask(tokenizer, TWO_TURNS)
    assert "".join(piece["text"] for piece in pieces) == tokenizer.apply_chat_template(TWO_TURNS, tokenize=False)
    assert [piece["text"] for piece in pieces if piece["trained"]] == [
        "Fine — 很好 🙂.<|im_end|>",
        "Still fine .<|im_end|>",
    ]
    assert [piece["trained"] for piece in pieces] == [False, True, False, True, False]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_fetched_tokenizer_pads_where_it_is_told_with_its_own_padding(llama, side):
    tokenizer = chat.load_tokenizer(llama, padding_side=side)
    ids = tokenizer(["a", "abc"], padding=True, add_special_tokens=False)["input_ids"]
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert ids[0].index(tokenizer.pad_token_id) == (0 if side == "left" else 1)


def test_a_tokenizer_without_padding_pads_with_its_end_token(tmp_path):
    tokenizer = build_tokenizer()
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    assert chat.load_tokenizer(tmp_path).pad_token == "<|im_end|>"


def test_a_tokenizer_without_a_chat_template_is_refused(tmp_path):
    tokenizer = build_tokenizer()
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="has no chat template; choose an instruction-tuned model"):
        chat.load_tokenizer(tmp_path)


def test_a_file_that_was_moved_after_it_was_linked_is_named(tmp_path):
    (tmp_path / "tokenizer.json").symlink_to("/nowhere/tokenizer.json")
    with pytest.raises(UserError, match=r"not where they were .tokenizer\.json → /nowhere/tokenizer\.json.\. Put them"):
        chat.load_tokenizer(tmp_path)


def test_the_hash_of_the_template_survives_saving_and_tells_templates_apart(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    before = chat.hash_template(tokenizer)
    assert chat.hash_template(chat.load_tokenizer(tmp_path)) == before
    tokenizer.chat_template += " "
    assert chat.hash_template(tokenizer) != before
