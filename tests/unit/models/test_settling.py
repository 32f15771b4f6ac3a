import datetime

import pytest
from families import build_family
from transformers.utils import chat_template_utils
from trl import chat_template_utils as trl
from trl.chat_template_utils import _CHAT_TEMPLATES_DIR as SHIPPED

from tunelab.config import models as names
from tunelab.config.specs.sources import ChatSettings
from tunelab.errors import UserError
from tunelab.models import chat, settling, templates
from tunelab.sources.random_model import CHATML, build_tokenizer

SYSTEM = {"role": "system", "content": "Be kind."}
USER, ASSISTANT = {"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Fine."}
DATED = "{{ '<|im_start|>system\nToday is ' + strftime_now('%A %-d %b %Y %H') + '<|im_end|>\n' }}" + CHATML


def settle(tokenizer, **given):
    tokenizer.chat_template, facts = settling.settle_template(tokenizer, ChatSettings(**given), "models.t")
    return facts


def tell_day(monkeypatch, day):
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime(2030, 1, day)

    monkeypatch.setattr(chat_template_utils, "datetime", Clock)


@pytest.mark.parametrize("template", [DATED, trl.llama3_2_chat_template, trl.gptoss_chat_template])
def test_the_day_is_the_same_every_day_and_in_what_is_published(monkeypatch, template):
    tokenizer, seen = build_tokenizer(), []
    for settled in (False, True):
        tokenizer.chat_template = template
        if settled:
            assert settle(tokenizer)["date"] == "2024-07-26"
        for day in (1, 2):
            tell_day(monkeypatch, day)
            seen.append(chat.render_prompt(tokenizer, [USER]))
    assert len(set(seen)) == 1 and "2024" in seen[0]
    # without this project, too
    assert tokenizer.apply_chat_template([USER], tokenize=False, add_generation_prompt=True) == seen[0]


def test_a_day_is_written_as_asked():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = DATED
    assert "Today is Friday 26 Jul 2024 00<|im_end|>" in chat.render_prompt(tokenizer, [USER])


@pytest.mark.parametrize(
    "template", [CHATML, "\n " + CHATML, "  {% set x = 1 %}\n{{ x }}" + CHATML, " \n  {#- c #}\n" + CHATML]
)
def test_what_is_put_before_a_template_changes_nothing_else(template):
    tokenizer = build_tokenizer()
    tokenizer.chat_template = template
    plain = chat.render_prompt(tokenizer, [USER])
    tokenizer.chat_template = templates.prepend([templates.DATE_MACRO, templates.SYSTEM["fold"]], template)
    assert chat.render_prompt(tokenizer, [USER]) == plain


def test_without_settings_a_template_stays_as_it_is_to_the_byte():
    tokenizer = build_tokenizer()
    facts = settle(tokenizer)
    assert tokenizer.chat_template == CHATML
    assert facts == {"origin": "own", "system": "as_is", "kwargs": {}, "date": None}


def test_a_system_message_is_folded_into_the_first_question_or_dropped():
    tokenizer = build_family("gemma")
    settle(tokenizer, system="fold")
    prompt = chat.render_prompt(tokenizer, [SYSTEM, USER, ASSISTANT, USER])
    assert "<start_of_turn>user\nBe kind.\n\nHow are you?<end_of_turn>" in prompt and prompt.count("Be kind.") == 1
    assert chat.render_prompt(tokenizer, [USER]).count("\n\n") == 0
    tokenizer.chat_template = trl.gemma_chat_template
    settle(tokenizer, system="drop")
    assert chat.render_prompt(tokenizer, [SYSTEM, USER]) == chat.render_prompt(tokenizer, [USER])
    assert chat.encode_conversation(tokenizer, [SYSTEM, USER, ASSISTANT])["assistant_masks"].count(1) > 1


@pytest.mark.parametrize("value", [False, 3, 0.5, None, "a \"quoted\" 'text'\n{{ x }} {% y %} é🙂", ["a", True]])
def test_a_variable_of_a_template_has_the_value_that_the_config_gives_it(value):
    tokenizer = build_tokenizer()
    tokenizer.chat_template = "{{ flag | tojson }}" + CHATML
    facts = settle(tokenizer, chat_template_kwargs={"flag": value})
    rendered = chat.render_prompt(tokenizer, [USER])
    assert rendered.startswith(chat_template_utils.json.dumps(value, ensure_ascii=False) + "<|im_start|>")
    assert facts["kwargs"] == {"flag": value}
    asked = tokenizer.apply_chat_template([USER], tokenize=False, flag=1)
    assert asked.startswith("1<|im_start|>")  # whoever serves it may still say otherwise


def test_a_variable_that_the_template_does_not_read_is_refused():
    tokenizer = build_family("qwen3")
    with pytest.raises(UserError, match=r"models\.t\.chat_template_kwargs\.enable_thoughts: .* does not read"):
        settle(tokenizer, chat_template_kwargs={"enable_thoughts": False})


@pytest.mark.parametrize("name", [*names.OWN, "qwen3_training", "phi3"])
def test_a_bundled_template_is_found_by_its_name(name):
    tokenizer = build_tokenizer()
    tokenizer.chat_template = None
    assert settle(tokenizer, chat_template=name)["origin"] == name
    tokenizer.bos_token = "<|endoftext|>"
    assert "How are you?" in chat.render_prompt(tokenizer, [USER])


def test_a_file_of_the_users_is_read_and_a_missing_one_named(tmp_path):
    tokenizer, file = build_tokenizer(), tmp_path / "mine.jinja"
    file.write_text(CHATML.replace("user", "USER") + "é", encoding="utf-8")
    settle(tokenizer, chat_template=str(file))
    assert tokenizer.chat_template == file.read_text(encoding="utf-8")
    with pytest.raises(UserError, match=r"models\.t\.chat_template: .*gone\.jinja.* cannot be read \(No such file"):
        settle(tokenizer, chat_template=str(tmp_path / "gone.jinja"))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"models\.t\.chat_template: .* is not UTF-8"):
        settle(tokenizer, chat_template=str(file))


def test_a_base_model_without_a_template_is_told_to_name_one():
    tokenizer = build_family("gpt2")
    with pytest.raises(UserError, match=r"models\.t: the tokenizer has no chat template; .* models\.t\.chat_template"):
        settle(tokenizer)


def test_the_names_of_the_bundled_templates_are_those_that_are_there():
    assert set(names.TRL) == {file.stem for file in SHIPPED.glob("*.jinja")}
    assert set(names.OWN) == {file.stem for file in settling.find_template("plain").parent.glob("*.jinja")}
    assert not set(names.TRL) & set(names.OWN)
