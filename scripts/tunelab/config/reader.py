"""Read the config value by value, against the types of `specs`, so that no mistake hides another one.

pydantic's own validation of the complete config stops at a section with a wrong value, and its paths have names of
types between the config's keys.
"""

import functools
import types
from collections.abc import Container
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from tunelab.config.drafts import Draft, Problem, Unknown
from tunelab.config.specs.base import Spec
from tunelab.config.wording import find_nearest, refuse_choice, refuse_invalid, refuse_name, refuse_value
from tunelab.values import list_names

STRAY = (
    "is not a field of {tag} {value} "
    "(overlays and `like` add to a mapping; to change its {tag}, write out an entry of a new name)"
)


class Reader:
    """Turns raw values into drafts, and collects the problems.

    Args:
        unknown: paths of values that cannot be checked; other checks report them.
    """

    def __init__(self, unknown: Container[tuple] = ()) -> None:
        self.problems: list[Problem] = []
        self._unknown = unknown

    def read(self, kind: Any, value: Any, path: tuple = (), about: str | None = None) -> Any:
        """Return a value converted to the type `kind`, without what is wrong inside it.

        Args:
            about: the field's description, which ends the message about a wrong value.

        Raises:
            Unknown: if the value is wrong as a whole.
        """
        if path in self._unknown:
            raise Unknown(path)
        plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if value is None and types.NoneType in get_args(plain):
            return None
        if (sections := _list_sections(plain)) and not (isinstance(value, str) and _takes_text(plain)):
            listed = _find_list(plain)
            if listed and not isinstance(value, dict):
                if isinstance(value, list | tuple):
                    return self.read(listed, value, path, about)
                raise self._refuse(path, refuse_value("must be a list or a mapping", value), about)
            return self._read_section(sections, value, path, about)
        if get_origin(plain) is dict and get_args(plain)[1] is not Any and isinstance(value, dict) and value:
            return self._read_table(plain, value, path)
        if get_origin(plain) is tuple and isinstance(value, list | tuple) and value:
            return self._read_list(get_args(plain)[0], value, path)
        return self._read_value(kind, value, path, about)

    def _read_section(self, sections: list[type[Spec]], value: Any, path: tuple, about: str | None) -> Draft:
        if not isinstance(value, dict):
            raise self._refuse(path, refuse_value("must be a mapping", value), about)
        right, wrong = {}, set()
        kinds = sections
        if len(sections) > 1:
            sections = self._choose_section(sections, value, path, wrong)
        # if the kind of section is not known, fields of every kind are accepted, and none is required
        fields = {name: field for section in sections for name, field in section.model_fields.items()}
        for key in value.keys() - fields.keys():
            if any(key in kind.model_fields for kind in kinds):
                self._refuse((*path, key), STRAY.format(tag=_find_tag(kinds), value=value[_find_tag(kinds)]))
            else:
                self._refuse((*path, key), refuse_name("unknown key", key, fields))
            nearest = find_nearest(key, fields)
            if nearest not in (None, *value):  # the field that is meant is neither missing nor at its default
                wrong.add(nearest)
        for name in [name for name in fields if name not in wrong]:
            field = fields[name]
            try:
                if name in value:
                    right[name] = self.read(field.rebuild_annotation(), value[name], (*path, name), field.description)
                elif not field.is_required():
                    right[name] = field.get_default(call_default_factory=True)
                elif len(sections) == 1:
                    choices = list_names(_list_choices(sections[0], name), quoted=False)
                    text = f"is required: one of {choices}" if choices else "is required"
                    raise self._refuse((*path, name), text, field.description)
                else:
                    wrong.add(name)
            except Unknown:
                wrong.add(name)
        return Draft(right, wrong, value)

    def _choose_section(self, sections: list[type[Spec]], value: dict, path: tuple, wrong: set) -> list[type[Spec]]:
        """Return the section that the value's tag names; all sections if the tag is wrong."""
        tag = _find_tag(sections)
        for section in sections:
            if value.get(tag) in _list_choices(section, tag):
                return [section]
        choices = [choice for section in sections for choice in _list_choices(section, tag)]
        missing = f"is required: one of {list_names(choices, quoted=False)}"
        self._refuse((*path, tag), refuse_choice(value[tag], choices) if tag in value else missing)
        wrong.add(tag)
        return sections

    def _read_table(self, kind: Any, value: dict, path: tuple) -> Draft:
        key_kind, item_kind = get_args(kind)
        right, wrong = {}, set()
        for key, item in value.items():
            try:
                self._check_key(key_kind, key, (*path, key))
                right[key] = self.read(item_kind, item, (*path, key))
            except Unknown:
                wrong.add(key)
        return Draft(right, wrong)

    def _check_key(self, kind: Any, key: Any, path: tuple) -> None:
        if get_origin(kind) is Literal:
            if key not in get_args(kind):
                raise self._refuse(path, refuse_name("unknown key", key, get_args(kind)))
            return
        try:
            _build_adapter(kind).validate_python(key)
        except ValidationError as error:
            about = next((item.description for item in get_args(kind)[1:]), None)
            self._refuse(path, f"the name {refuse_invalid(error, key)}", about)

    def _read_list(self, kind: Any, value: Any, path: tuple) -> tuple:
        right = []
        for index, item in enumerate(value):
            try:
                right.append(self.read(kind, item, (*path, index)))
            except Unknown:
                continue
        return tuple(right)

    def _read_value(self, kind: Any, value: Any, path: tuple, about: str | None) -> Any:
        try:
            # lax, because `--config` gives numbers as texts; but true is never taken for 1
            return _build_adapter(kind).validate_python(value, strict=True if isinstance(value, bool) else None)
        except ValidationError as error:
            raise self._refuse(path, refuse_invalid(error, value), about) from None

    def _refuse(self, path: tuple, text: str, about: str | None = None) -> Unknown:
        """Add a problem, and return the exception to raise if nothing of the value can be used."""
        self.problems.append(Problem(path, f"{text}. {about}" if about else text))
        return Unknown(path)


def _list_sections(kind: Any) -> list[type[Spec]]:
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return [member for member in members if isinstance(member, type) and issubclass(member, Spec)]


def _takes_text(kind: Any) -> bool:
    """Tell whether a section has a text as its short form."""
    return str in get_args(kind)


def _find_list(kind: Any) -> Any:
    """Return the type of the list that a section has as its short form, or None."""
    return next((member for member in get_args(kind) if get_origin(member) is tuple), None)


def _find_tag(sections: list[type[Spec]]) -> str:
    """Return the field by whose value these sections differ, such as `method`."""
    shared = set.intersection(*(set(section.model_fields) for section in sections))
    choices = {name: [_list_choices(section, name) for section in sections] for name in shared}
    (tag,) = (name for name, listed in choices.items() if all(listed) and not set.intersection(*map(set, listed)))
    return tag


def _list_choices(section: type[Spec], name: str) -> tuple[str, ...]:
    annotation = section.model_fields[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


@functools.cache
def _build_adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind, config=Spec.model_config)
