"""Make the page of a made-up study, with its tables and figures, and read it as a browser would."""

from html.parser import HTMLParser
from pathlib import Path

import compare_methods
import plot_contrasts
import plot_costs
import plot_forgetting
import plot_gains
import plot_learning_curves
import plot_rewards
import plot_signals
import plot_tasks
import render_report

from tests.unit.comparison.results_factory import build_study, write_results

PROJECT = Path(__file__).parents[3]
SIMULATED = PROJECT / "reports/coverage.json"
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
    compare_methods.main(str(root), study, published, overlap, SIMULATED, root / "results.json", *exported)
    return root / "results.json"


def prepare_study(root, study=None, rows=12):
    """Write every artefact that the page is made from, and return the study."""
    study = write_results(root, study or build_study(), rows=rows)
    table, figures = write_comparison(root, study), root / "figures"
    methods = {run["method"] for run in study["runs"].values()}
    drawn = {"tasks": plot_tasks, "costs": plot_costs, "forgetting": plot_forgetting}
    if [pair for pair in study["comparison"]["contrasts"] if set(pair) <= set(study["study"]["runs"])]:
        drawn |= {"contrasts": plot_contrasts, "gains": plot_gains}
    for name, script in drawn.items():
        script.main(str(root), study, table, figures / f"{name}.svg", figures / f"{name}.pdf")
    if "sft" in methods:
        plot_learning_curves.main(str(root), study, figures / "learning_curves.svg", figures / "learning_curves.pdf")
    if "grpo" in methods:
        plot_rewards.main(str(root), study, figures / "rewards.svg", figures / "rewards.pdf")
    if "dpo" in methods:
        plot_signals.main(str(root), study, figures / "signals.svg", figures / "signals.pdf")
    return study


def render_page(root, study, templates=TEMPLATES, partial=None):
    figures = sorted((root / "figures").glob("*.svg"))
    render_report.main(str(root), study, figures, templates, partial, MAKERS, root / "report.html")
    return Page((root / "report.html").read_text(encoding="utf-8"))
