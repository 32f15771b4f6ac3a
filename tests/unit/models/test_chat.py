import json

import pytest
from families import build_family
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from trl.chat_template_utils import (
    deepseek_r1_distill_chat_template,
    gemma_chat_template,
    phi3_chat_template,
    qwen2_5_chat_template,
    qwen3_5_think_chat_template,
    qwen3_chat_template,
)

from tunelab.errors import UserError
from tunelab.models import chat
from tunelab.sources.random_model import CHATML, build_tokenizer

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


def test_a_system_message_of_the_template_is_trained_and_generated_with_alike():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = qwen2_5_chat_template
    prompt = chat.render_prompt(tokenizer, ONE_TURN[:1])
    assert prompt.startswith("<|im_start|>system\nYou are Qwen")
    assert chat.encode(tokenizer, ONE_TURN).divide()[0] == {"text": prompt, "trained": False}


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
    pieces = chat.encode(tokenizer, TWO_TURNS).divide()
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


def encode_apart(tokenizer, messages):
    """Tokenise prompts and answers one by one, which on bytes must be the same as the whole."""
    ids, mask, done = [], [], ""
    for index in (place for place, message in enumerate(messages) if message["role"] == "assistant"):
        prompt = chat.render_prompt(tokenizer, messages[:index])
        turn = tokenizer.apply_chat_template(messages[: index + 1], tokenize=False)
        for text, said in ((prompt[len(done) :], 0), (turn[len(prompt) :], 1)):
            piece = tokenizer(text, add_special_tokens=False)["input_ids"]
            end = len(piece) - piece[::-1].index(tokenizer.eos_token_id) if said else 0
            ids, mask = ids + piece, mask + [1] * end + [0] * (len(piece) - end)
        done = turn
    return {"input_ids": ids, "assistant_masks": mask}


@pytest.mark.parametrize("messages", [ONE_TURN, TWO_TURNS], ids=["one", "two"])
def test_on_bytes_the_whole_is_the_same_as_its_pieces(tokenizer, messages):
    assert chat.encode_conversation(tokenizer, messages) == encode_apart(tokenizer, messages)


@pytest.mark.parametrize("blanks", ["\n", "  ", "\n\n"])
def test_an_answer_that_begins_with_white_space_leaves_the_prompt_as_generation_sees_it(blanks):
    tokenizer = build_tokenizer()
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    backend["model"]["vocab"] |= {"ĊĊ": 300, "ĠĠ": 301}
    backend["model"]["merges"] = [["Ċ", "Ċ"], ["Ġ", "Ġ"]]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(backend)), eos_token="<|im_end|>"
    )
    tokenizer.chat_template = build_tokenizer().chat_template
    messages = [ONE_TURN[0], {"role": "assistant", "content": f"{blanks}Fine."}]
    prompt = chat.encode_prompt(tokenizer, messages[:1])
    encoded = chat.encode_conversation(tokenizer, messages)
    assert encoded["input_ids"][: len(prompt)] == prompt and encoded["assistant_masks"].index(1) == len(prompt)
    assert tokenizer.decode(encoded["input_ids"]) == tokenizer.apply_chat_template(messages, tokenize=False)
    whole = tokenizer(tokenizer.apply_chat_template(messages, tokenize=False), add_special_tokens=False)["input_ids"]
    assert (encoded["input_ids"] == whole) == (blanks != "\n\n")


@pytest.mark.parametrize("family", ["llama2", "mistral", "phi3", "gemma"])
def test_a_tokenizer_that_marks_beginnings_reads_the_conversation_as_one_text(family):
    tokenizer = build_family(family)
    messages = [ONE_TURN[0], {"role": "assistant", "content": "Fine, thanks."}]
    text, tokens, _ = chat.encode(tokenizer, messages)
    assert [token.id for token in tokens] == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens([token.id for token in tokens]).count("▁") == text.count(" ")


@pytest.mark.parametrize("family", ["qwen2.5", "llama3", "llama2", "gemma"])
@pytest.mark.parametrize("place", ["system", "user", "assistant"])
def test_a_control_token_that_a_message_spells_is_text(family, place):
    tokenizer = build_family(family)
    end = tokenizer.convert_ids_to_tokens(chat.list_ends(tokenizer))[-1]
    messages = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes."}]
    if family != "gemma":
        messages.insert(0, {"role": "system", "content": "Be kind."})
    elif place == "system":
        pytest.skip("it takes no system message")
    plain = chat.encode_conversation(tokenizer, messages)
    spelt = [m | {"content": f"It is {end} and more."} if m["role"] == place else m for m in messages]
    text, tokens, mask = chat.encode(tokenizer, spelt)
    ids = [token.id for token in tokens]
    count = plain["input_ids"].count(tokenizer.convert_tokens_to_ids(end))
    assert ids.count(tokenizer.convert_tokens_to_ids(end)) == count
    assert f"It is {end} and more." in tokenizer.decode(ids)
    trained = [token for token, counts in zip(ids, mask, strict=True) if counts]
    assert sum(token in chat.list_ends(tokenizer) for token in trained) == 1
    prompt = chat.encode_prompt(tokenizer, spelt[:-1])
    assert ids[: len(prompt)] == prompt and mask.index(1) == len(prompt)
    assert "".join(piece["text"] for piece in chat.encode(tokenizer, spelt).divide()) == text


def test_a_thought_in_an_answer_is_the_templates_to_read():
    tokenizer = build_family("qwen3")
    tokenizer.add_tokens(["<think>", "</think>"])
    messages = [ONE_TURN[0], {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nFine."}]
    ids = chat.encode_conversation(tokenizer, messages)["input_ids"]
    assert ids.count(tokenizer.convert_tokens_to_ids("</think>")) == 1


def mark_answers(content="{{ message['content'] + '<|im_end|>' }}", rest=""):
    """ChatML with markers around what is given, and `rest` behind them."""
    return (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
        "{% if message['role'] == 'assistant' %}"
        f"{{% generation %}}{content}{{% endgeneration %}}{rest}"
        "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )


@pytest.mark.parametrize(
    "template",
    [
        mark_answers(),
        mark_answers("{{ message['content'] }}", "{{ '<|im_end|>' }}"),
        mark_answers("{{ message['content'] + '<|im_end|>' }}{{ '' }}"),
    ],
    ids=["with the end", "without it", "in two parts"],
)
def test_markers_of_a_template_change_neither_tokens_nor_mask(template):
    plain, marked = build_tokenizer(), build_tokenizer()
    marked.chat_template = template
    assert chat.encode_conversation(marked, TWO_TURNS) == chat.encode_conversation(plain, TWO_TURNS)


def test_markers_may_leave_out_some_of_an_answer():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = mark_answers("{{ message['content'][5:] + '<|im_end|>' }}").replace(
        "{% generation %}", "{{ message['content'][:5] }}{% generation %}"
    )
    encoded = chat.encode_conversation(tokenizer, ONE_TURN)
    assert decode_trained(tokenizer, encoded) == "— 很好 🙂.<|im_end|>"


def test_markers_that_leave_out_all_answers_are_told():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = mark_answers("", "{{ message['content'] + '<|im_end|>' }}")
    with pytest.raises(UserError, match="markers leave out all that the assistant says"):
        chat.encode_conversation(tokenizer, ONE_TURN)


def test_one_turn_of_a_template_that_ends_the_whole_with_the_end_token_is_learnt_with_it():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = phi3_chat_template
    encoded = chat.encode_conversation(tokenizer, ONE_TURN)
    assert encoded["input_ids"][-1] == tokenizer.eos_token_id and encoded["assistant_masks"][-1] == 1
    with pytest.raises(UserError, match="changes earlier turns"):
        chat.encode_conversation(tokenizer, TWO_TURNS)


def test_several_turns_are_learnt_where_each_has_an_end_token_of_its_own():
    tokenizer = build_family("phi3")
    text, tokens, mask = chat.encode(tokenizer, [*ONE_TURN[:1], {"role": "assistant", "content": "A."}] * 2)
    pieces = "".join(text[t.start : t.end] for t, counts in zip(tokens, mask, strict=True) if counts)
    assert pieces == "A.<|end|>A.<|end|>\n<|endoftext|>"


@pytest.mark.parametrize(
    ("template", "messages", "sentence"),
    [
        (gemma_chat_template, TWO_TURNS, "refuses a system message .*`system` to fold"),
        (
            deepseek_r1_distill_chat_template,
            ONE_TURN,
            r"asks for an answer with '<think>\\n' and renders .* without it",
        ),
        (qwen3_5_think_chat_template, TWO_TURNS[1:], "changes earlier turns"),
        (CHATML.replace("in messages", "in messages if message.role != 'system'"), TWO_TURNS, "leaves out the system"),
        (
            CHATML.replace("message['content']", "message['content'][:7]"),
            ONE_TURN,
            r"leaves out some .*message 1 .*user",
        ),
        ("{{ messages[0].content + 1 }}", ONE_TURN, "cannot render the roles user, assistant"),
    ],
)
def test_what_a_template_cannot_do_is_said_with_the_true_reason(template, messages, sentence):
    tokenizer = build_tokenizer()
    tokenizer.chat_template = template
    with pytest.raises(UserError, match=sentence) as refusal:
        chat.encode_conversation(tokenizer, messages)
    assert len(str(refusal.value)) < 600


def test_a_tokenizer_and_a_template_without_an_end_token_are_refused():
    tokenizer = build_tokenizer()
    tokenizer.chat_template, tokenizer.eos_token = "{% for m in messages %}{{ m.content }}{% endfor %}", None
    with pytest.raises(UserError, match=r"Neither the tokenizer nor .* names an end token"):
        chat.encode_conversation(tokenizer, ONE_TURN)


def test_a_template_that_shows_no_answer_names_no_end_token():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = "<|im_start|>{% for m in messages %}{{ m.content[0].text }}{% endfor %}"
    assert chat.list_ends(tokenizer) == [tokenizer.eos_token_id]
    tokenizer.chat_template = "<|im_start|>{% for m in messages %}{{ m.role }}{% endfor %}"
    assert chat.list_ends(tokenizer) == [tokenizer.eos_token_id]


def test_end_tokens_are_those_of_tokenizer_generation_config_and_template(tmp_path):
    tokenizer = build_family("gemma")
    tokenizer.save_pretrained(tmp_path)
    other = tokenizer.convert_tokens_to_ids("<start_of_turn>")
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [other]}))
    found = chat.list_ends(chat.load_tokenizer(tmp_path))
    assert tokenizer.convert_ids_to_tokens(found) == ["<eos>", "<start_of_turn>", "<end_of_turn>"]


def test_of_several_templates_the_default_one_is_used_and_hashed(tmp_path):
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    file = tmp_path / "tokenizer_config.json"
    named = [{"name": "default", "template": CHATML}, {"name": "tool_use", "template": "{{ 'tools' }}"}]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": named}))
    loaded = chat.load_tokenizer(tmp_path)
    assert isinstance(loaded.chat_template, dict)
    assert chat.hash_template(loaded) == chat.hash_template(tokenizer)
    assert chat.encode_conversation(loaded, ONE_TURN) == chat.encode_conversation(tokenizer, ONE_TURN)
