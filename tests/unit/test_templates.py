import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from tunelab.errors import UserError
from tunelab.report import build_environment

TEMPLATES = sorted((Path(__file__).parents[2] / "reports").glob("report*.j2"))


@pytest.mark.parametrize("template", ["{{ page.nothing }}", "{{ page['nothing'] }}", "{{ nothing }}"])
def test_an_undefined_value_stops_the_build(template):
    with pytest.raises(UndefinedError):
        build_environment({"t": template}).get_template("t").render(page={"title": "x"})


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_an_empty_value_stops_the_build(value):
    with pytest.raises(UserError, match="in place of a value"):
        build_environment({"t": "{{ page }}"}).get_template("t").render(page=value)


def test_templates_contain_no_digit_typed_by_hand():
    assert len(TEMPLATES) == 11
    for path in TEMPLATES:
        prose = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^<>]*>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        assert not re.findall(r".*\d.*", prose), path.name
