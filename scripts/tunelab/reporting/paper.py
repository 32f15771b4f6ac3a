"""Render a study as the parts of a paper in LaTeX, with the sentences of its page and a bibliography of what it cites.

Texts of models, data sets and configs are escaped (`tunelab.reporting.tex`). Figures are named, and found by
`\\graphicspath`; tables need booktabs and graphicx.
"""

import re
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from tunelab.config.arguments import load_arguments
from tunelab.config.completions import count_of_step
from tunelab.config.fields import find_setting
from tunelab.config.formats import FORMATS
from tunelab.config.methods import METHODS
from tunelab.config.study import Study, cuts_rows
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import latex, tables
from tunelab.reporting.chapters import Page
from tunelab.reporting.findings import load_results
from tunelab.reporting.page import build_page
from tunelab.reporting.settings import BOOKKEEPING, flatten, render_setting
from tunelab.reporting.tex import TEX, build_tex_environment, clean, finish, mark
from tunelab.reporting.wordings import build_translator

# --- How each run was trained: what the config says, else the library's default

# what the sentences say; all other settings of the config are listed behind them
TOLD_OF_ADAPTERS = {
    "LORA": ("r", "lora_alpha", "lora_dropout", "target_modules"),
    "PREFIX_TUNING": ("num_virtual_tokens", "init_text"),
}
TOLD_OF_TRAINING = {
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "learning_rate",
    "lr_scheduler_type",
    "max_length",
    "loss_type",
    "beta",
    "num_generations",
    "max_completion_length",
    "temperature",
    "load_best_model_at_end",
    "metric_for_best_model",
}
SECTIONS = ("quantization", "training", "launch")
CHOOSING = ("select", "pairs")  # among drawn answers


def build_methods(page: Page, study: Study, trainings: dict[tuple[str, int], dict]) -> list[dict[str, Any]]:
    """Describe the training of each run, in the study's order; `trainings` are those of `tables.load_trainings`."""
    return [_describe_run(page, study, run, trainings) for run in study.runs]


def _describe_run(page: Page, study: Study, run: str, trainings: dict) -> dict[str, Any]:
    spec = study.run(run)
    told = {"name": run, "label": spec["label"], "method": spec["method"], "model": spec["model"]}
    if spec["method"] == "base":
        return told
    learnt = [row for row in page.training.samples.get("learners", ()) if row["run"] == run]
    rows = learnt[0]["rows"] if learnt else page.data.cards[spec["dataset"]]["rows"]["train"]
    method = METHODS[spec["method"]]
    return told | {
        "title": method.title,
        "learns_from": method.learns_from,
        "drawing": method.draws,
        "dataset": spec["dataset"],
        "texts": FORMATS[page.data.cards[spec["dataset"]]["format"]].rows == "texts",
        "rows": rows,
        "start": _label(study, spec.get("init_from")),
        "learnt": learnt[0] if learnt else None,
        "drawn": _find_drawn(page, study, learnt[0]) if learnt else None,
        "adapter": find_adapter(study, run),
        "bits": find_bits(spec.get("quantization")),
        "as_run": trainings[run, study.list_seeds(run)[0]],
        "batch": count_of_step(spec),
        "set": {name: _write(find_setting(spec, name)) for name in ("learning_rate", "lr_scheduler_type")},
        "loss_type": _write(find_setting(spec, "loss_type")),
        "beta": find_setting(spec, "beta"),
        "limit": find_setting(spec, "max_length") if cuts_rows(spec["training"]) else None,
        "draws": find_setting(spec, "num_generations"),
        "completion": find_setting(spec, "max_completion_length"),
        "temperature": find_setting(spec, "temperature"),
        "best": find_setting(spec, "load_best_model_at_end")
        and (find_setting(spec, "metric_for_best_model") or "loss"),
        "rewards": spec.get("rewards", {}).get("weights", {}),
        "teacher": _label(study, spec.get("teacher")),
        "others": list_others(spec),
    }


def _find_drawn(page: Page, study: Study, learnt: dict) -> dict[str, Any]:
    """Return what was drawn for the run, with the label of whose answers these are."""
    rows = [row for row in page.training.samples["drawings"] if row["name"] == learnt["samples"]]
    return rows[0] | {"label": _label(study, rows[0]["source"])}


def _label(study: Study, name: str | None) -> str | None:
    """Return a run's label; what is no run of the study goes by its name."""
    return study.run(name)["label"] if name in study.runs else name


def find_adapter(study: Study, run: str) -> dict[str, Any] | None:
    """Return the adapter that a run trains, its own or that of the run it started from, as far as the study has it."""
    spec = study.run(run)
    if (start := spec.get("init_from")) is not None:
        return find_adapter(study, start) if start in study.runs else None
    adapter = spec["adapter"]
    if not adapter:
        return None
    kind = adapter["peft_type"]
    told = TOLD_OF_ADAPTERS.get(kind, ())
    known = load_arguments()[kind]
    others = {name: value for name, value in adapter.items() if name not in ("peft_type", *told)}
    return {
        "peft_type": kind,
        **{name: adapter.get(name, known.get(name, {}).get("default")) for name in told},
        "others": _list_settings(others),
    }


def find_bits(quantization: dict | None) -> int | None:
    """Return to how many bits the weights are quantised while a run trains; None if they are not."""
    sizes = {"load_in_4bit": 4, "load_in_8bit": 8}
    return next((bits for name, bits in sizes.items() if (quantization or {}).get(name)), None)


def list_others(spec: dict) -> list[str]:
    """List the settings that no sentence tells, `warmup_steps = 5`, without what cannot change a weight."""
    sections = [*SECTIONS, *(CHOOSING if spec.get("samples") else ())]
    return [
        line
        for section in sections
        for line in _list_settings(
            {
                name: value
                for name, value in (spec.get(section) or {}).items()
                if name not in BOOKKEEPING and not (section == "training" and name in TOLD_OF_TRAINING)
            }
        )
    ]


def _list_settings(settings: dict) -> list[str]:
    return [f"{name} = {render_setting(value)}" for name, value in flatten(settings)]


def _write(value: Any) -> str | None:
    return None if value is None else render_setting(value)


# --- Citations: entries of `reports/references.bib`, chosen by their subjects
# The `keywords` of an entry name its subjects: `method:grpo` or, with `*` for any text, `model:*SmolLM2*`. A model or
# data set without an entry is cited by its card. The bibliography holds the cited entries alone.

FILE = "references.bib"


class Entry(NamedTuple):
    """An entry as BibTeX reads it, its key, and the patterns of its subjects."""

    key: str
    keywords: list[str]
    text: str


def read_entries(bibliography: str) -> list[Entry]:
    """Read the entries of a bibliography, each from a line that begins with `@` to a line `}`.

    Raises:
        UserError: if an entry has no keywords, or two have the same key.
    """
    entries = []
    for found in re.finditer(r"^@\w+\{([^,\s]+),\n.*?^\}\n", bibliography, re.M | re.S):
        keywords = re.search(r"^  keywords = \{(.*)\},\n", found[0], re.M)
        if not keywords or found[1] in {entry.key for entry in entries}:
            raise UserError(f"reports/{FILE}: {found[1]} has no keywords, or stands there twice; look at its entry.")
        entries.append(Entry(found[1], re.split(r",\s*", keywords[1]), found[0].replace(keywords[0], "")))
    return entries


class Citations:
    """The works and cards that a paper cites while it is rendered."""

    def __init__(self, bibliography: str) -> None:
        self._entries = read_entries(bibliography)
        self._cited: set[str] = set()
        self.cards: list[tuple[str, str, dict]] = []  # key, kind and card of what is cited by its card

    def cite(self, *subjects: str) -> str:
        """Return the command that cites every entry on one of the subjects; nothing where there is none."""
        keys = [entry.key for entry in self._entries if any(_concerns(entry, subject) for subject in subjects)]
        self._cited.update(keys)
        return _command(keys) if keys else ""

    def cite_card(self, kind: str, name: str, source: dict, revision: str | None, licence: str | None) -> str:
        """Return the command that cites a model or data set: the work on it, or else its card."""
        if command := self.cite(*(f"{kind}:{known}" for known in name_source(source))):
            return command
        key = f"{kind}-{name}"
        if key not in {known for known, _, _ in self.cards}:
            card = {"name": name, "source": source, "revision": revision, "licence": licence}
            self.cards.append((key, kind, card))
        return _command([key])

    @property
    def entries(self) -> str:
        """The cited entries of the file, in its order."""
        return "\n".join(entry.text for entry in self._entries if entry.key in self._cited)


def name_source(source: dict) -> list[str]:
    """List the names under which a model or data set may be known: repository, package, files."""
    package = f"{source['package']} {source['version']}" if "package" in source else None
    files = [source.get("gguf"), source.get("path"), *source.get("files", ())]
    return [name for name in (source.get("repo_id"), package) if name] + [PurePath(file).name for file in files if file]


def _command(keys: list[str]) -> str:
    return mark("~\\cite{" + ",".join(keys) + "}")


def _concerns(entry: Entry, subject: str) -> bool:
    return any(fnmatchcase(subject, keyword) for keyword in entry.keywords)


# --- The files of the paper

PARTS = ("setting", "methods", "results")  # in which works are cited, in this order
# what pdfTeX sets with the fonts that every LaTeX has; anything else needs XeLaTeX
_NARROW = re.compile(r"[\n -~\u00a1-\u00ff\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u20ac]*")


def render_paper(
    study: StudyFolder, figures: list[str], templates: list[Path], partial: dict[str, Any] | None
) -> dict[str, str]:
    """Render the paper's files by their names, from a study's files and the templates (by their names).

    figures: the names of those that the study has drawn; partial: what it lacks, if it is not complete.
    """
    texts = {path.name: path.read_text(encoding="utf-8") for path in templates}
    missing = {FILE, *(f"paper_{part}{TEX}" for part in (*PARTS, "macros", "main", "cards"))} - texts.keys()
    if missing:
        raise UserError(f"reports/{min(missing)} is missing; restore it from the repository.")
    language = study.spec["study"]["language"]
    cleaned = StudyFolder(study.root, clean(study.spec))
    environment = build_tex_environment(texts, language)
    citations = Citations(texts[FILE])
    page = build_page(cleaned, dict.fromkeys(figures, ""), partial, [])
    estimated = [*page.results.find.values(), *page.results.findings.declared]
    context = {
        "page": clean(page),
        "methods": clean(build_methods(page, cleaned, tables.load_trainings(cleaned))),
        "intervals": sorted({f"interval:{row['interval']}" for row in estimated}),
        "tables": _build_tables(cleaned, page, build_translator(texts, language)),
        "figures": {name: mark(name) for name in figures},
        "cite": citations.cite,
        "cite_card": citations.cite_card,
    }

    def render(part: str, **more: Any) -> str:
        return finish(environment.get_template(f"paper_{part}{TEX}").render(**context, **more))

    parts = {f"{part}.tex": render(part) for part in PARTS}
    cards = render("cards", cards=clean(citations.cards)) if citations.cards else ""
    parts[FILE] = "\n".join(filter(None, [citations.entries, _balance(cards)]))
    return parts | {"paper.tex": render("main", narrow=_is_narrow(study, parts), chinese=language == "zh")}


def _build_tables(study: StudyFolder, page: Page, translate: latex.Translate) -> dict[str, Any]:
    results = load_results(study)

    def marked(written: list[str]) -> list[str]:
        return [mark(table) for table in written]

    return {
        "tasks": {task: marked(latex.render_task_tables(study, results, task, translate)) for task in study.tasks},
        "contrasts": {
            name: marked(latex.render_contrast_tables(study, results, name, translate)) for name in page.results.primary
        },
        "tuned": marked(latex.render_tuned_tables(study, page.training.tuned, translate)),
        "costs": marked(latex.render_cost_tables(study, page.results.costs, translate)),
        "consumed": marked(latex.render_consumed_tables(study, page.results.consumed_table.rows, translate)),
    }


def _is_narrow(study: StudyFolder, parts: dict[str, str]) -> bool:
    """Tell whether pdfTeX can set the paper."""
    return all(_NARROW.fullmatch(text) for text in (*parts.values(), study.spec["study"]["title"]))


def _balance(bibliography: str) -> str:
    """Write braces within texts so that BibTeX, which counts escaped ones too, finds as many opened as closed."""
    return bibliography.replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")
