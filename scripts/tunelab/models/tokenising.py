"""Tokenise a rendered conversation as one text, and keep the place of each token in it.

Parts that are tokenised apart do not add up to the tokens of the text where a tokenizer marks a text's beginning, as
SentencePiece does. A control token that a message spells is text, not that token.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

Span = tuple[int, int]


class Token(NamedTuple):
    """A token and the characters of the text that it stands for."""

    id: int
    start: int
    end: int


def tokenise(
    tokenizer: PreTrainedTokenizerBase, text: str, literals: Sequence[Span] = (), cuts: Iterable[int] = ()
) -> list[Token]:
    """Tokenise a rendered text.

    Args:
        literals: where messages spell control tokens, which are text.
        cuts: places that no token may cross.
    """
    control, places = list_control(tokenizer), sorted(cuts)
    fence = _find_fence(tokenizer) if places else ""
    edges = [0, *places, len(text)]
    fenced = fence.join(text[start:end] for start, end in pairwise(edges))
    fences = {place + number * len(fence) for number, place in enumerate(places)}
    encoded = tokenizer(fenced, add_special_tokens=False, return_offsets_mapping=True)
    tokens, shift = [], 0
    for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        if start in fences and fenced[start:end] == fence:
            shift += len(fence)
            continue
        start, end = start - shift, end - shift
        if token in control and any(start < stop and begin < end for begin, stop in literals):
            tokens += [Token(piece, start, end) for piece in _encode_as_text(tokenizer, text[start:end])]
        else:
            tokens.append(Token(token, start, end))
    return tokens


def tokenise_turns(
    tokenizer: PreTrainedTokenizerBase, text: str, literals: Sequence[Span], starts: Iterable[int]
) -> tuple[list[Token], list[int]]:
    """Tokenise a text so that up to each of `starts` it is what generation is given; return how many tokens that are.

    Where the whole would join a prompt's end to what follows, the tokens are cut there.
    """
    cuts: list[int] = []
    counts, whole = [], tokenise(tokenizer, text, literals)
    for start in starts:
        prompt = [token.id for token in tokenise(tokenizer, text[:start], literals, cuts)]
        if prompt != [token.id for token in whole[: len(prompt)]]:
            cuts.append(start)
            whole = tokenise(tokenizer, text, literals, cuts)
        counts.append(len(prompt))
    return whole, counts


def find_literals(
    tokenizer: PreTrainedTokenizerBase, text: str, messages: list[dict], render: Callable[[list[dict]], str]
) -> list[Span]:
    """Return where, in the rendered `text`, the messages' own contents spell control tokens.

    The conversation is rendered once more, with characters that it lacks in their place.
    """
    spelt = set(list_control(tokenizer).values())
    if not any(word in message["content"] for message in messages if _has_text(message) for word in spelt):
        return []
    blank = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    blanked = render([_blank_out(message, spelt, blank) for message in messages])
    spans: list[Span] = []
    for place, letter in enumerate(blanked):
        if letter == blank:
            begin = spans.pop()[0] if spans and spans[-1][1] == place else place
            spans.append((begin, place + 1))
    return spans


def list_control(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Return the tokenizer's control tokens, id → text."""
    return {number: token.content for number, token in tokenizer.added_tokens_decoder.items() if token.special}


def _has_text(message: dict) -> bool:
    return isinstance(message.get("content"), str)


def _blank_out(message: dict, words: Iterable[str], blank: str) -> dict:
    if not _has_text(message):
        return message
    content = message["content"]
    for word in sorted(words, key=len, reverse=True):
        content = content.replace(word, blank * len(word))
    return message | {"content": content}


def _find_fence(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a control token that takes no white space beside it with it."""
    tokens = [token for token in tokenizer.added_tokens_decoder.values() if token.special]
    return next(token.content for token in tokens if not (token.lstrip or token.rstrip or token.single_word))


def _encode_as_text(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Encode a control token's letters, behind a line break that keeps away what marks the beginning of a text."""
    lead, whole = (
        tokenizer(part, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        for part in ("\n", "\n" + text)
    )
    if whole[: len(lead)] == lead:
        return whole[len(lead) :]
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
