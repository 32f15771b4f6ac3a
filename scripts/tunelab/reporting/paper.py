"""Write a study as the parts of a paper in LaTeX, with the sentences of its page and a bibliography of what it cites.

Texts of models, data sets and configs are escaped (`tunelab.reporting.tex`). Figures are named, and found by
`\\graphicspath`; tables need booktabs and graphicx.
"""

import re
from pathlib import Path
from typing import Any

from tunelab.comparison.results import Results
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import latex, tables
from tunelab.reporting.methods import build_methods
from tunelab.reporting.page import build_page
from tunelab.reporting.references import FILE, Citations
from tunelab.reporting.tex import TEX, build_tex_environment, clean, finish, mark
from tunelab.reporting.wordings import build_translator

PARTS = ("setting", "methods", "results")  # in which works are cited, in this order
# what pdfTeX sets with the fonts that every LaTeX has; anything else asks for XeLaTeX
_NARROW = re.compile(r"[\n -~\u00a1-\u00ff\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u20ac]*")


def render_paper(
    study: StudyFolder, figures: list[str], templates: list[Path], partial: dict[str, Any] | None
) -> dict[str, str]:
    """Render the paper's files by their names, from a study's files and the templates (by their names).

    figures: the names of those that the study has drawn; partial: what it lacks, if it is not whole.
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
    estimated = [*page["find"].values(), *page["findings"]["declared"]]
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


def _build_tables(study: StudyFolder, page: dict, translate: latex.Translate) -> dict[str, Any]:
    results = Results.model_validate(study.load(study.results_file))

    def marked(written: list[str]) -> list[str]:
        return [mark(table) for table in written]

    return {
        "tasks": {task: marked(latex.render_task_tables(study, results, task, translate)) for task in study.tasks},
        "contrasts": {
            name: marked(latex.render_contrast_tables(study, results, name, translate)) for name in page["primary"]
        },
        "costs": marked(latex.render_cost_tables(study, page["costs"], translate)),
    }


def _is_narrow(study: StudyFolder, parts: dict[str, str]) -> bool:
    """Tell whether pdfTeX can set the paper."""
    return all(_NARROW.fullmatch(text) for text in (*parts.values(), study.spec["study"]["title"]))


def _balance(bibliography: str) -> str:
    """Write braces within texts so that BibTeX, which counts escaped ones too, finds as many opened as closed."""
    return bibliography.replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")
