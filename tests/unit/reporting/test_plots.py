"""The records of the figures say of each what it is made from, where it stands, and which studies have it."""

import inspect

import pytest

from tests.unit.comparison.results_factory import METHODS, build_study
from tests.unit.config.default_config import load
from tests.unit.reporting.page_factory import PROJECT
from tunelab.config.study import Study
from tunelab.jobs.slices import Slices, StudySlices
from tunelab.reporting.plots import FIGURES


def list_drawn(study):
    return [name for name, figure in FIGURES.items() if figure.is_of(study)]


@pytest.mark.parametrize("name", FIGURES)
def test_what_a_record_names_is_there(name):
    figure = FIGURES[name]
    assert figure.name == name
    assert list(inspect.signature(figure.find_draw()).parameters) == ["study", "words"]
    assert hasattr(StudySlices, figure.slice)
    assert (PROJECT / "scripts" / figure.code).is_file()
    captions = (PROJECT / "reports/captions/figure.rst").read_text(encoding="utf-8")
    assert captions.count(f'    "{name}": "') == 1
    section = (PROJECT / f"reports/report_{figure.section}.html.j2").read_text(encoding="utf-8")
    assert f'ui.figure("{name}",' in section
    assert (PROJECT / "reports/paper_results.tex.j2").read_text(encoding="utf-8").count(f'tex.figure("{name}",') == 1


@pytest.mark.parametrize(
    ("overlay", "missing"),
    [
        ("{}", set()),
        ("comparison: {contrasts: []}", {"contrasts", "gains"}),
        ("study: {tasks: [support]}", {"gains"}),
        ("drift: ", {"forgetting"}),
        ("{study: {runs: [base, lora]}, noise: }", {"rewards", "gains"}),
        (
            "{study: {runs: [base]}, noise: }",
            {"contrasts", "gains", "costs", "learning_curves", "rewards", "forgetting"},
        ),
    ],
)
def test_figures_without_data_are_not_asked_for(overlay, missing):
    every = {"tasks", "contrasts", "gains", "costs", "learning_curves", "rewards", "forgetting"}
    assert set(list_drawn(Study(Slices(load(overlay)).whole))) == every - missing


def test_a_study_has_no_figure_without_data():
    everything = Study(build_study(runs=tuple(METHODS)))
    assert "signals" in list_drawn(everything)
    assert list_drawn(Study(build_study(runs=("base",)))) == ["tasks"]
    texts = build_study() | {"drift": None}
    texts["study"]["tasks"] = ["support"]
    assert set(FIGURES) - set(list_drawn(Study(texts))) == {"gains", "signals", "forgetting", "tuning", "trajectories"}
