"""Compare the logs of other evaluation tools: the page, numbers and tables of a study that trained nothing.

No Snakemake, no model and no training library takes part, so that an environment of a few packages is enough
(`requirements-compare.lock`).
"""

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tunelab import records
from tunelab.comparison import estimates
from tunelab.comparison.results import Results
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.layout import ARTEFACTS, LOGS
from tunelab.logs.arms import read_arms
from tunelab.logs.joining import join_arms
from tunelab.logs.overlay import read_overlay
from tunelab.logs.study import write_study
from tunelab.reporting import bundle, figures, latex, tables, wordings
from tunelab.reporting.notation import format_difference, format_interval, format_p_relation
from tunelab.reporting.plots import FIGURES
from tunelab.reporting.report import render_report

REPORTS = Path(__file__).parents[3] / "reports"
READ = (".j2", ".js", ".css")


def compare_logs(
    files: str, name: str, metrics: list[str], tasks: list[str], overlays: list[Path]
) -> tuple[StudyFolder, Results]:
    """Write everything into the folder `name` below results; return the study and what was found.

    Args:
        files: arms and their files, as they were typed (`logs.arms`).
        metrics, tasks: those to compare; none for all that the arms share.

    Raises:
        UserError: if an argument is wrong, a log cannot be read, or the logs cannot be compared.
    """
    overlay, arms = read_overlay(overlays), read_arms(files)
    joined = join_arms(arms, metrics, tasks)
    results = clear_folder(name)
    study = StudyFolder(results, write_study(results, arms, joined, overlay))
    simulated, looks = (records.read_json(REPORTS / name) for name in ("coverage.json", "looks.json"))
    found = estimates.build_results(study, {}, [], [], simulated, looks, {})
    records.write_json(study.results_file, found.model_dump(mode="json"))
    write_page(study, found)
    written = sorted(path for path in study.root.rglob("*") if path.is_file())
    members = {path.relative_to(study.root).as_posix(): path.read_bytes() for path in written}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in members.items())
    with records.whole_file(study.root / "bundle.zip", "wb") as file:
        file.write(bundle.zip_members(members | {bundle.SUMS: sums.encode()}))
    return study, found


def clear_folder(name: str) -> str:
    """Empty the folder of an earlier comparison of this name; return it as it is typed.

    Raises:
        UserError: if the name cannot be a folder's, or the folder holds something else.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", name):
        raise UserError(f"NAME={name}: use lower-case letters, digits, `_` and `-`.")
    folder = Path("results", name)
    if folder.exists() and any(folder.iterdir()) and not (folder / LOGS).exists():
        raise UserError(f"{folder} holds something else than a comparison of logs; choose another NAME.")
    for part in ARTEFACTS:
        shutil.rmtree(folder / part, ignore_errors=True)
    return str(folder)


def write_page(study: StudyFolder, found: Results) -> None:
    """Write tables, figures and the page, from results.json and what it was made from."""
    language = study.spec["study"]["language"]
    catalog = list(REPORTS.glob(f"{language}.po"))  # English has none
    templates = sorted([*(path for path in REPORTS.iterdir() if path.suffix in READ), *catalog])
    written = {
        "main": (tables.find_main_columns(study, found), tables.build_main_table(study, found)),
        "estimates": (tables.ESTIMATES, map(dict, found.estimates)),
        "contrasts": (tables.CONTRASTS, map(dict, found.contrasts)),
    }
    for name, (columns, rows) in written.items():
        tables.write_table(study.root / "tables" / f"{name}.csv", columns, rows)
    texts = {path.name: path.read_text(encoding="utf-8") for path in catalog}
    translate = wordings.build_translator(texts, language)
    for name, render in {"main": latex.render_main_table, "contrasts": latex.render_contrast_table}.items():
        records.write_text(study.root / "tables" / f"{name}.tex", render(study, found, translate))
    words, drawn = wordings.load_words(catalog), []
    for figure in (figure for figure in FIGURES.values() if figure.is_of(study)):
        svg, pdf = (study.root / "figures" / f"{figure.name}.{ending}" for ending in ("svg", "pdf"))
        figures.write_figure(figure.find_draw()(study, words), svg, pdf)
        drawn.append(svg)
    records.write_text(study.root / "report.html", render_report(study, drawn, templates, None, []))


def tell_verdicts(study: StudyFolder, found: Results) -> Iterator[str]:
    """Tell each declared difference in a line, and where the page is."""
    for row in (row for row in found.contrasts if row.declared):
        first, second = (study.run(run)["label"] for run in (row.run, row.against))
        value = f"{format_difference(row.value, row.metric)} {format_interval(row.model_dump())}"
        yield (
            f"{study.task(row.task)['label']}: {first} against {second} {value}, "
            f"{format_p_relation(row.p_corrected)}, n = {row.n}: {row.verdict}"
        )
    yield f"{study.name(study.root / 'report.html')} is written."
