"""What page and figure say of the kind of gain."""

import re

import plot_figure
import pytest

from tests.unit.reporting.page_factory import render_page
from tunelab.records import read_json, write_json


def read_section(page):
    section = page.html.partition('<section id="gains">')[2].partition("</section>")[0]
    return " ".join(re.sub("<[^>]+>", " ", section).split())


def change(root, **kinds):
    """Change every row on the kind of a gain; a mapping changes a step of it."""
    table = read_json(root / "results.json")
    for row in table["kinds"]:
        row |= {name: row[name] | value if isinstance(value, dict) else value for name, value in kinds.items()}
    write_json(root / "results.json", table)


@pytest.mark.parametrize(
    ("kind", "verdicts", "words"),
    [
        ("beyond", {}, "GRPO is more reliable than warm start, and beyond the greedy and the majority answers of"),
        ("form", {}, "of warm start; but the layout share changed by 0.0 pp, which may account for that."),
        (
            "sharper",
            {"beyond_greedy": "equivalent", "beyond_majority": "worse"},
            "GRPO is more reliable than warm start, but no better than the greedy and majority answers of warm start: "
            "to sharpen what warm start knew does as much.",
        ),
        (
            "sharper",
            {"beyond_greedy": "undecided", "beyond_majority": "equivalent"},
            "GRPO is more reliable than warm start, but no better than the majority answers of warm start:",
        ),
        (
            "open",
            {},
            "that it is beyond both the greedy and the majority answers of warm start is not shown.",
        ),
        ("same", {}, "GRPO and warm start are equally reliable, within the margin."),
        ("less", {}, "GRPO is less reliable than warm start."),
        ("undecided", {}, "nothing is decided on how reliable GRPO and warm start are."),
    ],
)
def test_each_kind_of_gain_has_its_sentence(changed_study, kind, verdicts, words):
    root, study = changed_study
    change(root, kind=kind, **{step: {"verdict": verdict} for step, verdict in verdicts.items()})
    assert words in read_section(render_page(root, study))


@pytest.mark.parametrize(("verdict", "told"), [("better", "more"), ("worse", "fewer"), ("equivalent", None)])
def test_coverage_is_told_where_it_is_decided(changed_study, verdict, told):
    root, study = changed_study
    change(root, coverage={"verdict": verdict})
    section = read_section(render_page(root, study))
    said = {word for word in ("more", "fewer") if f"gets {word} questions strictly right in 4 draws" in section}
    assert said == ({told} if told else set())


def test_every_row_says_how_it_was_split_and_one_that_was_not_has_no_parts(changed_study):
    root, study = changed_study
    table = read_json(root / "results.json")
    splits = [{"layout": "by the layout", "lenient": "by the last number"}[row["split"]] for row in table["gains"]]
    assert set(splits) == {"by the layout", "by the last number"}
    page = render_page(root, study)
    assert re.findall(r"<td>(by the [a-z ]+)</td>", page.html) == splits
    assert "Not split:" not in read_section(page)

    table["gains"][0] |= {"split": None, "layout": None, "skill": None}
    write_json(root / "results.json", table)
    page = render_page(root, study)
    assert re.findall(r"<td>(by the [a-z ]+|not split)</td>", page.html) == ["not split", *splits[1:]]
    assert page.html.count('<td class="number">–</td><td class="number">–</td><td>not split</td>') == 1
    assert "Not split: a run has too few answers in the layout" in read_section(page)


def test_a_difference_that_was_not_split_is_drawn_as_a_whole(changed_study):
    root, study = changed_study

    def draw():
        plot_figure.main(str(root), study, "gains", [], root / "gains.svg", root / "gains.pdf")
        return (root / "gains.svg").read_text(encoding="utf-8")

    table = read_json(root / "results.json")
    before = draw().count("split by the last number")
    table["gains"] = [
        row | {"split": None, "layout": None, "skill": None} if row["split"] == "lenient" else row
        for row in table["gains"]
    ]
    write_json(root / "results.json", table)
    rows = sum(row["split"] is None for row in table["gains"])
    assert before == 3 * rows  # a mark of the whole, and two of its parts
    assert draw().count("not split") == rows
