"""Make the page of a made-up study, with its tables and figures, and read it as a browser would."""

from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar
from unittest import mock

import compare_methods
import render_report
from jinja2 import BytecodeCache

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab.jobs.layout import StudyFolder
from tunelab.records import write_text
from tunelab.reporting import figures, report
from tunelab.reporting.plots import FIGURES
from tunelab.reporting.report import build_environment
from tunelab.reporting.wordings import load_words

PROJECT = Path(__file__).parents[3]
SIMULATED = PROJECT / "reports/coverage.json"
SIMULATED_LOOKS = PROJECT / "reports/looks.json"
TEMPLATES = sorted([*(PROJECT / "reports").glob("report*"), *(PROJECT / "reports").glob("*.po")])
# the rules as the workflow describes them, of which these stand for all
MAKERS = [
    {
        "rule": "train_sft",
        "script": "scripts/train_sft.py",
        "inputs": [{"name": "weights", "file": None, "more": 0}],
        "outputs": ["results/runs/{run}/seed{seed}/training.json"],
    },
    {
        "rule": "compare_methods",
        "script": "scripts/compare_methods.py",
        "inputs": [{"name": "scores", "file": "results/runs/base/seed0/sums/scores.jsonl", "more": 3}],
        "outputs": ["results/results.json", "results/tables/main.csv"],
    },
]
VOID = {"meta", "br", "hr", "img", "input", "link", "path", "use"}


class Page(HTMLParser):
    """What a browser would make of the page: elements, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self.attributes, self.text = html, [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data

    @property
    def words(self):
        return " ".join(self.text.split())


def write_comparison(root, study):
    """Write what the comparison makes of a study's files, and return results.json."""
    exported = [root / "tables" / f"{name}.csv" for name in ("main", "estimates", "contrasts", "cost")]
    published, overlap = PROJECT / "reports/known_results.yaml", root / "overlap.json"
    compare_methods.main(
        str(root), study, published, overlap, SIMULATED, root / "results.json", *exported, SIMULATED_LOOKS, False
    )
    return root / "results.json"


def prepare_study(root, study=None, rows=12, drawn=False):
    """Write every artefact that the page is made from, and return the study; `drawn` is that of `draw_figures`."""
    study = write_results(root, study or build_study(), rows=rows)
    write_comparison(root, study)
    draw_figures(root, study, drawn)
    return study


def draw_figures(root, study, drawn=False):
    """Draw the figures of a study in its language; unless `drawn`, write no more of them than what is read aloud.

    That is headlines and what marks say; nine tenths of the time of such a study would be matplotlib's.
    """
    folder, language = StudyFolder(root, study), study["study"]["language"]
    words = load_words([PROJECT / f"reports/{language}.po"] if language != "en" else [])
    write = figures.write_figure if drawn else _write_words
    for figure in FIGURES.values():
        if figure.is_of(folder):
            files = (root / f"figures/{figure.name}.{ending}" for ending in ("svg", "pdf"))
            write(figure.find_draw()(folder, words), *files)


def _write_words(drawing, svg, pdf):
    titles = "".join(f"<title>{escape(text)}</title>" for text in (drawing.headline, *drawing.says.values()))
    write_text(svg, f"<svg>{titles}</svg>")
    write_text(pdf, "%PDF")


class KeptTemplates(BytecodeCache):
    """A page's templates with their translations, compiled once: that takes longer than all else that makes a page."""

    codes: ClassVar = {}

    def __init__(self, wording):
        self.wording = wording

    def load_bytecode(self, bucket):
        bucket.code = self.codes.get((self.wording, bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket):
        self.codes[self.wording, bucket.key, bucket.checksum] = bucket.code


def build_keeping(texts, language):
    environment = build_environment(texts, language)
    environment.bytecode_cache = KeptTemplates(texts.get(f"{language}.po"))
    return environment


def render_page(root, study, templates=TEMPLATES, partial=None):
    figures = sorted((root / "figures").glob("*.svg"))
    with mock.patch.object(report, "build_environment", build_keeping):
        render_report.main(str(root), study, figures, templates, partial, MAKERS, root / "report.html")
    return Page((root / "report.html").read_text(encoding="utf-8"))
