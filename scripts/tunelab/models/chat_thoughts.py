"""Read thoughts before answers from a model's tokens, and put them where its chat template renders them."""

import functools

from transformers import PreTrainedTokenizerBase

from tunelab.data.thoughts import MARKS, Said, find_opened, split_thought
from tunelab.errors import UserError
from tunelab.models.templates import Messages, render, render_prompt

FIELDS = ("reasoning_content", "thinking")  # of a turn, for a thought; a template reads one of them


def read_answer(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    """Return the text of what a model wrote, without control tokens but those that mark a thought.

    A thought that the template opened in the prompt begins with its mark, so that the text can be divided without it.
    """
    opened, marks = _describe_thoughts(tokenizer, tokenizer.get_chat_template())
    if not marks:
        return opened + tokenizer.decode(ids, skip_special_tokens=True)
    known = tokenizer.added_tokens_decoder
    kept = [token for token in ids if token in marks or token not in known or not known[token].special]
    return opened + tokenizer.decode(kept)


@functools.lru_cache(maxsize=8)
def _describe_thoughts(tokenizer: PreTrainedTokenizerBase, template: str) -> tuple[str, frozenset[int]]:
    """Return with what prompts open a thought, and the control tokens among the marks that the template knows."""
    opened = find_opened(render_prompt(tokenizer, [{"role": "user", "content": "question"}]))
    written = [text for marks in MARKS if marks.opens in template for text in (marks.opens, *marks.closes)]
    control = {token: added.content for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    return opened, frozenset(
        token for token, content in control.items() if any(content.strip() and content in text for text in written)
    )


def place_thought(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> Messages:
    """Return a conversation whose last text begins with a thought so that the template renders it as one.

    Most templates find it in the text, some in a field of its own. Unchanged if neither way renders the thought and the
    answer.
    """
    *before, last = messages
    content = last.get("content")
    if last["role"] != "assistant" or not isinstance(content, str) or any(name in last for name in FIELDS):
        return messages
    said = split_thought(content)
    if said.thought is None:
        return messages
    apart = [
        last | {"content": said.answer} | ({name: said.thought.strip()} if said.thought.strip() else {})
        for name in FIELDS
    ]
    rendered = ([*before, turn] for turn in (last, *apart))
    return next((turns for turns in rendered if _tells(tokenizer, turns, said)), messages)


def _tells(tokenizer: PreTrainedTokenizerBase, messages: Messages, said: Said) -> bool:
    """Return whether the last turn, as the template renders it, is the same thought and answer."""
    prompt = render_prompt(tokenizer, messages[:-1])
    try:
        text = render(tokenizer, messages)
    except UserError:  # some refuse marks in a turn's text
        return False
    told = split_thought(find_opened(prompt) + text.removeprefix(prompt))
    return (
        told.thought is not None
        and told.thought.strip() == said.thought.strip()
        and told.answer.startswith(said.answer.rstrip())
    )
