"""What the templates of page and paper may refer to, and nothing else: typed records, grouped by the page's chapters.

A name that no record has stops the build. Rows of `results.json` are dictionaries, as they stand in the file, each with
its `place` there.
"""

from dataclasses import dataclass
from typing import Any

from tunelab.config.methods import Method
from tunelab.config.metrics import Metric
from tunelab.reporting.cautions import Contamination
from tunelab.reporting.facts import Facts
from tunelab.reporting.findings import Findings
from tunelab.reporting.overview import Overview
from tunelab.reporting.tables import Column

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table as `ui.body` draws it: its head, its cells and its spans follow from the columns."""

    columns: list[Column]
    rows: list[Row]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run of the study: how it is called and shown, and what it learnt from."""

    name: str
    label: str
    method: str
    colour: str
    seeds: list[int]
    dataset: str | None
    model: str | None
    control: bool  # it is taught what is no skill, so that others can be compared with it


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task, the metrics and tables of its results, and how its answers were generated."""

    label: str
    kind: str
    dataset: str
    synthetic: bool
    paired: bool  # its rows are pairs of answers
    n: int
    fewer: int | None  # the rows of runs that answered fewer
    headlines: list[str]
    main_table: Table
    other_table: Table
    sampled_table: Table
    seed_table: Table
    generation: dict[str, str]
    rendered_example: str | None
    example_of: str  # a run


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model: where it is from, and how it computes."""

    name: str
    source: dict[str, Any]
    revision: str | None
    licence: str | None
    bytes: int
    files: list[Row]
    file: str  # its card
    precision: dict[str, Any]
    precision_figures: dict[str, Any]
    positions: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """The files that tables and figures are made from, with placeholders for run, seed and task."""

    report: str
    table: str
    row: str  # the table as seen from the page, beside which it lies
    overlap: str
    tables: str
    figures: str
    history: str
    training: str
    completions: str
    samples: str
    choice: str
    tuning: str
    answers: str
    scores: str
    logs: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultsChapter:
    """What came out: estimates, differences with their verdicts, and costs.

    Estimates stand by (run, seed, task, metric) in `find`, and those that stand for a run by (run, task, metric) in
    `cells`; differences on first metrics by (task, run, against) in `pairs`.
    """

    find: dict[tuple[str, int | None, str, str], Row]
    cells: dict[tuple[str, str, str], Row]
    primary: dict[str, str]  # the first metric of each task and neutral text
    findings: Findings
    contrast_table: Table
    pairs: dict[tuple[str, str, str], Row]
    samplings: dict[str, Row]
    costs: list[Row]
    cost_table: Table
    consumed_table: Table
    followed: list[Row]
    reached: list[Row]
    budget: Row | None
    changes: list[Row]
    drift: Row | None
    gains: list[Row]
    kinds: list[Row]
    recovered: list[Row]
    looks: Row | None  # how far the declared looks are
    seen: list[Row]  # seeds with which differences had been seen before these seeds were declared
    simulated_looks: list[Row]
    needed: list[Row]  # what would decide the undecided differences, and how long it takes


@dataclass(frozen=True, kw_only=True, slots=True)
class DoubtsChapter:
    """What to doubt: facts that limit what the numbers say."""

    facts: Facts
    contamination: Contamination
    starved: list[Row]
    sameness: list[Row]
    degenerate: list[Row]
    identical: list[Row]
    still: list[Row]
    repeats: list[Row]
    parts: list[Row]
    known: list[Row]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingChapter:
    """How it was trained: how settings were chosen, and what trainings logged, drew and chose."""

    tuned: list[Row]
    tuned_table: Table
    tuning: Row | None  # the section of the config
    completions: dict[str, list[Row]]
    samples: dict[str, list[Row]]
    signals: list[Row]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataChapter:
    """The data sets, and the quantiles and word runs by which lengths and overlaps are told."""

    cards: dict[str, Row]
    quantiles: list[str]
    ngram: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodsChapter:
    """How to do it again: models, methods, settings and commands."""

    models: list[Model]
    methods: list[Method]
    fairness: Row
    settings: dict[str, list[Row]]
    unused_epochs: list[str]
    makers: list[Row]
    config: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """The constants behind intervals, tests and remarks, which the texts name."""

    confidence: float
    coverage: Row | None
    power: float
    resamples: int
    small_sample: int
    least_equivalent: int
    most_needed: dict[str, int]  # seeds and rows, of which no more are asked to decide a difference
    least_completions: dict[str, int]
    enough: dict[str, float]
    origins: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A study for its readers: what all chapters speak of, the first screen, and the chapters."""

    title: str
    smoke: bool
    partial: Row | None  # what a partial report lacks
    seeds: list[int]  # of any run
    seed_counts: tuple[int, int]  # the fewest and the most seeds of a trained run
    runs: dict[str, Run]
    tasks: dict[str, Task]
    texts: dict[str, str]  # names of neutral texts by what stands for a task
    metrics: dict[str, Metric]
    many: bool  # too many runs to name each, or to compare each with each
    figures: dict[str, Any]
    files: Files
    trace: Row
    logs: Row | None  # of a comparison of logs: which items each of them has

    overview: Overview
    cautions: list[Row]

    results: ResultsChapter
    doubts: DoubtsChapter
    training: TrainingChapter
    data: DataChapter
    methods: MethodsChapter
    statistics: Statistics

    @property
    def sections(self) -> dict[str, list[str]]:
        """The sections that this study has something to say in, by chapter; each has a template of its name."""
        lacking = self.partial or {"pairs": (), "trained": ()}
        results, doubts = self.results, self.doubts
        chapters = {
            "findings": {
                "results": True,
                "contrasts": results.findings.declared or lacking["pairs"],
                "pairs": not self.many and len(self.runs) > 1,
                "sampling": results.samplings,
                "cost": results.costs or lacking["trained"],
                "trajectories": results.reached,
                "changes": results.changes,
                "gains": results.gains,
            },
            "doubts": {
                "threats": True,
                "contamination": doubts.contamination.overlaps,
                "noise": doubts.repeats,
                "seeds": doubts.parts,
                "known": doubts.known,
            },
            "training": {
                "tuning": self.training.tuned,
                "learning": "learning_curves" in self.figures,
                "samples": self.training.samples,
                "rewards": self.training.completions,
                "signals": "signals" in self.figures,
            },
            "data": {"data": not self.logs, "cards": not self.logs, "questions": True},
            "methods": {"logs": self.logs, "setup": not self.logs, "reproduce": not self.logs, "glossary": True},
        }
        present = {
            chapter: [section for section, is_present in sections.items() if is_present]
            for chapter, sections in chapters.items()
        }
        return {chapter: sections for chapter, sections in present.items() if sections}
