"""Read the turns of conversations in the form that chat templates take, and check their order.

A turn has `role` and `content`, or `from` and `value` as in ShareGPT. Its other fields are kept for the template under
the names of the Hugging Face templates (`reasoning_content`, `tool_calls` and the like), or say whether the turn is
learnt (`weight`, `train`, `loss`). Any further field is refused, so that nothing gets lost unseen. A field that is null
counts as left out, because a table gives every row all fields.
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tunelab.data.fields import BadField, check_text, is_absent
from tunelab.data.thoughts import split_thought
from tunelab.errors import UserError
from tunelab.sources.strict_json import Flaw, load_json

Turn = dict[str, Any]
# field of a turn that is kept → the roles that may have it
CARRIED = {
    "name": ("system", "user", "assistant", "tool"),
    "reasoning_content": ("assistant",),
    "thinking": ("assistant",),
    "tool_calls": ("assistant",),
    "tool_call_id": ("tool",),
}
WEIGHTS = ("weight", "train", "loss")


class Naming(NamedTuple):
    """How a format names a turn's fields and roles."""

    role: str  # the field with the speaker
    text: str
    roles: dict[str, str]  # name in the format → role; of several names, messages use the first
    hint: str = ""  # for messages about turns in the other format

    def tell(self, role: Any) -> Any:
        """Return the format's name of a role."""
        return next((name for name, meant in self.roles.items() if meant == role), role)


MESSAGES = Naming(
    "role",
    "content",
    {role: role for role in ("system", "user", "assistant", "tool")},
    hint=" (for from and value: format sharegpt)",
)
SHAREGPT = Naming(
    "from",
    "value",
    {
        "system": "system",
        "human": "user",
        "user": "user",
        "gpt": "assistant",
        "chatgpt": "assistant",
        "assistant": "assistant",
        "function_call": "assistant",
        "observation": "tool",
        "tool": "tool",
    },
)


def read_turns(value: Any, field: str, naming: Naming, least: int = 1) -> list[tuple[str, Turn]]:
    """Return the turns of a field, each with its place in the row, such as `messages[0]`.

    Args:
        least: how many turns there must be.

    Raises:
        BadField: if the field is no such list, or at the first turn that cannot be used.
    """
    if not isinstance(value, list) or len(value) < least:
        few = "two messages" if least == 2 else "one message"
        raise BadField(field, f"a list of at least {few} with {naming.role} and {naming.text}", value)
    return [(f"{field}[{index}]", _read_turn(turn, f"{field}[{index}]", naming)) for index, turn in enumerate(value)]


def order_turns(placed: list[tuple[str, Turn]], last_field: str, naming: Naming) -> list[Turn]:
    """Check the order of turns, and return them without their places.

    User and assistant take turns, tools answer calls, and a reply of the assistant comes last.

    Args:
        placed: the turns, from `read_turns`.
        last_field: the field that holds the last turn, for messages.

    Raises:
        BadField: at the first turn that is out of order, or if no turn is learnt.
    """
    turns: list[Turn] = []
    for place, turn in placed:
        wanted = _list_next(turns)
        if turn["role"] not in wanted and (turns or turn["role"] != "system"):
            told = " or ".join(repr(naming.tell(role)) for role in wanted)
            raise BadField(f"{place}.{naming.role}", f"{told} (user and assistant in turn)", naming.tell(turn["role"]))
        turns.append(turn)
    if turns[-1]["role"] != "assistant":
        expected = f"'{naming.tell('assistant')}' (the reply to learn comes last)"
        raise BadField(f"{last_field}[-1].{naming.role}", expected, naming.tell(turns[-1]["role"]))
    check_text(turns[-1]["content"], f"{last_field}[-1].{naming.text}")
    if not split_thought(turns[-1]["content"]).answer:
        raise BadField(f"{last_field}[-1].{naming.text}", "an answer behind the thought", turns[-1]["content"])
    if not any(turn["role"] == "assistant" and turn.get("weight", 1) for turn in turns):
        raise BadField(last_field, "a turn of the assistant whose weight is not 0", [0] * count_replies(turns))
    return turns


def count_last_only(turns: list[Turn]) -> list[Turn]:
    """Return the turns with weights by which the last turn is learnt, and no other."""
    *before, last = turns
    return [*map(silence, before), {name: value for name, value in last.items() if name != "weight"}]


def silence(turn: Turn) -> Turn:
    """Return a turn with the weight by which it is not learnt; only the assistant's turns are learnt at all."""
    return turn | {"weight": 0} if turn["role"] == "assistant" else turn


def tell_turn(turn: Turn) -> str:
    """Return everything that a turn says as one text: its reasoning, its content and its calls."""
    calls = json.dumps(turn["tool_calls"], ensure_ascii=False) if "tool_calls" in turn else ""
    return "\n".join(filter(None, (turn.get("reasoning_content"), turn.get("thinking"), turn["content"], calls)))


def count_replies(turns: Sequence[Turn]) -> int:
    """Count the assistant's turns."""
    return sum(turn["role"] == "assistant" for turn in turns)


def _list_next(turns: list[Turn]) -> tuple[str, ...]:
    """List the roles that may speak after these turns, besides a system turn before all others."""
    last = turns[-1] if turns else {"role": "system"}
    if last["role"] == "tool":
        return ("tool", "assistant")
    if last.get("tool_calls"):
        return ("tool",)
    return ("assistant",) if last["role"] == "user" else ("user",)


def _read_turn(turn: Any, place: str, naming: Naming) -> Turn:
    if not isinstance(turn, dict) or naming.role not in turn:
        hint = naming.hint if isinstance(turn, dict) and SHAREGPT.role in turn else ""
        raise BadField(place, f"a message with {naming.role} and {naming.text}{hint}", turn)
    said, text = turn[naming.role], turn.get(naming.text)
    role = naming.roles.get(said, said) if isinstance(said, str) else said
    rest = {name: value for name, value in turn.items() if name not in naming[:2] and not is_absent(value)}
    carried = {name: _read_field(name, value, role, place) for name, value in rest.items() if name not in WEIGHTS}
    if said == "function_call":
        text, carried["tool_calls"] = "", _read_calls(text, f"{place}.{naming.text}")
    if is_absent(text) and (role in ("system", "tool") or "tool_calls" in carried):
        text = ""
    else:
        check_text(text, f"{place}.{naming.text}")
    weight = {} if _read_weight(rest, role, place) else {"weight": 0}
    return {"role": role, "content": text, **carried, **weight}


def _read_field(name: str, value: Any, role: str, place: str) -> Any:
    if name not in CARRIED:
        known = ", ".join([*CARRIED, *WEIGHTS])
        raise BadField(f"{place}.{name}", f"no such field in a turn (known: {known}; remove or rename it)", value)
    if role not in CARRIED[name]:
        raise BadField(f"{place}.{name}", f"this field in turns of {' and '.join(CARRIED[name])} only", value)
    if name == "tool_calls":
        return _read_calls(value, f"{place}.{name}")
    return check_text(value, f"{place}.{name}")


def _read_weight(fields: dict[str, Any], role: str, place: str) -> bool:
    """Tell whether a turn is learnt, by `weight`, `train` or `loss`, which are 0 or 1, false or true."""
    given = {name: fields[name] for name in WEIGHTS if name in fields}
    for name, value in given.items():
        if not isinstance(value, (bool, int, float)) or value not in (0, 1):
            raise BadField(f"{place}.{name}", "0 or 1, false or true", value)
        if value and role != "assistant":
            raise BadField(f"{place}.{name}", "0 or nothing, as only the assistant's turns are learnt", value)
        if value != next(iter(given.values())):
            raise BadField(f"{place}.{name}", f"the same as in {next(iter(given))}", value)
    return role != "assistant" or all(given.values())


def _read_calls(value: Any, field: str) -> list[dict]:
    """Return a turn's tool calls as chat templates take them: `function` has a name, and arguments as an object.

    Nulls inside are left out: a table gives each call the arguments of all others, as nulls.
    """
    calls = _read_json(value, field, "a list of calls, each with a function's name and arguments")
    found = []
    for index, call in enumerate(calls if isinstance(calls, list) else [calls]):
        place = f"{field}[{index}]"
        function = (call.get("function") or call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadField(place, "a call with a function's name and arguments", call)
        arguments = _read_json(function.get("arguments") or {}, f"{place}.arguments", "a JSON object")
        if not isinstance(arguments, dict):
            raise BadField(f"{place}.arguments", "a JSON object", function["arguments"])
        about = {} if function is call else {name: item for name, item in call.items() if name != "function"}
        whole = {"type": "function", **about, "function": function | {"arguments": arguments}}
        found.append(_clean(whole, place))
    return found


def _read_json(value: Any, field: str, expected: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = load_json(value, field)
    except (json.JSONDecodeError, UserError):
        raise BadField(field, expected, value) from None
    for flaw in _list_flaws(found):
        raise BadField(field, f"{expected} ({flaw.problem})", value)
    return found


def _list_flaws(value: Any) -> Iterator[Flaw]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from [item] if isinstance(item, Flaw) else _list_flaws(item)


def _clean(value: Any, field: str) -> Any:
    """Return a value without the nulls inside; raise `BadField` for what JSON does not have, as Parquet files may."""
    if isinstance(value, dict):
        return {name: _clean(inner, field) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_clean(inner, field) for inner in value]
    if not isinstance(value, str | int | float | None) or (isinstance(value, float) and not math.isfinite(value)):
        raise BadField(field, "values that JSON knows", value)
    return value
