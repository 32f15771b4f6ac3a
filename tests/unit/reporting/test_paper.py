"""A paper says what its page says, cites what it used, and nothing that a study holds becomes a command of TeX."""

import re
import shutil
from html import unescape
from pathlib import Path

import compile_paper
import pytest
import render_paper

from tests.unit.comparison.results_factory import METHODS, build_study, write_results
from tests.unit.reporting.page_factory import PROJECT, prepare_study, render_page, write_comparison
from tunelab.errors import UserError
from tunelab.records import write_json
from tunelab.reporting import typesetting
from tunelab.reporting.latex import escape
from tunelab.reporting.paper import read_entries
from tunelab.reporting.tex import build_tex_environment, clean, finish

REPORTS = PROJECT / "reports"
TEMPLATES = sorted([*REPORTS.glob("paper*"), REPORTS / "report_macros.html.j2", REPORTS / "references.bib"])
CATALOG = REPORTS / "zh.po"
NAMES = ("paper.tex", "setting.tex", "methods.tex", "results.tex", "references.bib")
HOSTILE = [
    r"\input{/etc/passwd} \write18{id}",
    r"100 % of_it & #1 ~ ^ $5 | < > \\",
    "}{ unbalanced }} [x] \\end{document}",
    "[40pt] * {",
    "\ue000input\ue001x\ue002 two\n\n\nlines \x07",
]
HOLE = {"what": "run", "name": "dpo", "label": "DPO & co", "kind": "failed", "job": "train_preferences dpo_1"}
PARTIAL = {
    **{"arms": 5, "of": 6, "trained": ["dpo"], "pairs": [["DPO & co", "warm start"]]},
    "holes": [HOLE | {"reason": "50 % of\n\n{memory}"}],
}


def write_paper(root, study, partial=None, figures=()):
    """Write the paper of a study whose files are there, and return its files' texts by their names."""
    templates = [*TEMPLATES, CATALOG] if study["study"]["language"] == "zh" else TEMPLATES
    outputs = [root / "paper" / name for name in NAMES]
    render_paper.main(str(root), study, [Path(name) for name in figures], templates, partial, *outputs)
    return {path.name: path.read_text(encoding="utf-8") for path in outputs}


def make_paper(root, study, partial=None):
    """Write a study without its figures, and its paper."""
    write_comparison(root, write_results(root, study, rows=12))
    return write_paper(root, study, partial)


def typeset(root):
    compile_paper.main(
        [root / "paper" / name for name in NAMES], sorted((root / "figures").glob("*.pdf")), root / "pdf"
    )
    return (root / "pdf").read_bytes()


def list_cited(texts):
    found = (keys for text in texts.values() for keys in re.findall(r"\\cite\{(.*?)\}", text))
    return {key for keys in found for key in keys.split(",")}


def needs(*programs, package=None):
    lacking = [program for program in (*programs, "bibtex") if not shutil.which(program)]
    if package and not lacking and not list(Path("/usr/share").glob(f"texlive/texmf-dist/tex/*/*/{package}")):
        lacking = [package]
    return pytest.mark.skipif(bool(lacking), reason=f"{lacking} not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study with its page, and its paper."""
    root = tmp_path_factory.mktemp("paper")
    study = prepare_study(root, drawn=True)
    figures = [path.stem for path in (root / "figures").glob("*.pdf")]
    return root, study, write_paper(root, study, figures=figures), render_page(root, study)


def test_every_verdict_is_the_very_sentence_of_the_page(made):
    _, _, texts, page = made
    findings = [unescape(text) for text in re.findall(r'<li class="finding">(.*?)</li>', page.html, re.S)]
    assert len(findings) == 3 * 5  # the verdicts on two tasks, and the kinds of gain on one
    paper = " ".join(texts["results.tex"].split())
    assert [text for text in findings if escape(re.sub(r"[ \n]+", " ", text).strip()) not in paper] == []


def test_every_run_is_described_with_its_settings(made):
    _, study, texts, _ = made
    methods = texts["methods.tex"]
    assert [methods.count(rf"\paragraph{{{run['label']}}}") for run in study["runs"].values()] == [1] * 5
    assert r"of rank 16 on \texttt{all-linear}, with alpha 32 and dropout 0.05" in methods
    assert "of 20 virtual tokens that began as the text “Answer the question briefly.”" in methods
    assert "GRPO went on from warm start and was trained" in methods
    assert r"The loss is \texttt{dr\_grpo}" in methods and "Beta is 0.04." in methods
    assert methods.count("steps of 8 rows") == 3 and methods.count("steps of 8 completions") == 1


def test_the_bibliography_holds_what_is_cited_and_nothing_else(made):
    texts = made[2]
    entries = {entry.key for entry in read_entries((REPORTS / "references.bib").read_text(encoding="utf-8"))}
    kept = set(re.findall(r"^@\w+\{(.*),$", texts["references.bib"], re.M))
    assert kept == list_cited(texts) and kept < entries
    assert {"smollm2", "chatterbotcorpus", "hu2022lora", "li2021prefix", "shao2024deepseekmath", "holm1979"} < kept
    assert not kept & {"rafailov2023dpo", "dettmers2023qlora", "gsm8k", "yu2025dapo"}
    assert "keywords" not in texts["references.bib"]


def test_a_run_of_every_method_cites_what_it_goes_by(tmp_path):
    study = build_study(tuple(METHODS))
    study["runs"]["dpo"]["quantization"] = {"load_in_4bit": True}
    texts = make_paper(tmp_path, study)
    assert {"rafailov2023dpo", "agarwal2024gkd", "dettmers2023qlora"} < list_cited(texts)
    assert (
        "It learnt 40 rows, chosen among 400 answers that warm start had given to 50 training questions."
        in (texts["methods.tex"])
    )
    assert "The teacher is GRPO." in texts["methods.tex"]


def test_what_no_entry_is_about_is_cited_by_its_card(tmp_path):
    study = build_study()
    source = {"source": "local", "path": "models/my_{model}", "licence": "50 % mine"}
    study["models"]["smollm2"] = source
    write_comparison(tmp_path, write_results(tmp_path, study, rows=12))
    card = {"model": "smollm2", "source": source, "revision": None, "licence": "50 % mine", "files": [], "bytes": 7}
    write_json(tmp_path / "models/smollm2/card.json", card)
    texts = write_paper(tmp_path, study)
    assert r"\texttt{smollm2}~\cite{model-smollm2}" in texts["setting.tex"]
    entry = texts["references.bib"].partition("@misc{model-smollm2,")[2]
    assert r"{local folder my\_\textbraceleft{}model\textbraceright{}}" in entry  # without folders of its author
    assert r"note = {Licence: 50 \% mine}" in entry
    assert entry.count("{") == entry.count("}") - 1  # of the entry itself


def test_every_work_is_complete():
    entries = read_entries((REPORTS / "references.bib").read_text(encoding="utf-8"))
    venues = {"inproceedings": "booktitle", "article": "journal", "misc": "howpublished"}
    assert len(entries) > 30
    for entry in entries:
        kind = re.match(r"@(\w+)", entry.text)[1]
        fields = set(re.findall(r"^  (\w+) = ", entry.text, re.M))
        assert fields >= {"author", "title", "year", venues[kind]}, entry.key
        assert entry.text.count("{") == entry.text.count("}") and entry.text.isascii(), entry.key


def test_a_work_that_says_not_what_it_is_about_is_named():
    with pytest.raises(UserError, match=r"references\.bib: lost2020 has no keywords"):
        read_entries("@misc{lost2020,\n  title = {Lost},\n}\n")


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        (r"\emph{ {{- value -}} }", r"\emph{\{\%\textbackslash{}x\}}"),
        ("{{ [value, value] | join(_(', ')) }}", r"\{\%\textbackslash{}x\}, \{\%\textbackslash{}x\}"),
        (
            r"{% set part %}\textbf{ {{- value -}} }{% endset %}{{ _('%(a)s failed: %(b)s', a=part, b=value) }}",
            r"\textbf{\{\%\textbackslash{}x\}} failed: \{\%\textbackslash{}x\}",
        ),
        (r"{% macro m(x) %}\it {{ x ~ value }}{% endmacro %}{{ m('_') | upper }}", r"\IT \_\{\%\textbackslash{}X\}"),
        ("{{ value | safe }}", r"\{\%\textbackslash{}x\}"),
    ],
)
def test_only_what_a_template_says_itself_is_tex(template, rendered):
    environment = build_tex_environment({"t.tex.j2": template}, "en")
    assert finish(environment.get_template("t.tex.j2").render(value="{%\\x}")) == f"{rendered}\n"


def test_signs_that_stand_for_tex_cannot_come_from_a_value():
    environment = build_tex_environment({"t.tex.j2": "{{ value }}"}, "en")
    kept = [chr(code) for code in range(0xE000, 0xE020)]
    for value in (kept, {"a": tuple(kept)}, "".join(kept)):
        said = environment.get_template("t.tex.j2").render(value=clean(value))
        assert not set(said) & set(kept)


@needs("pdflatex")
def test_the_paper_of_a_study_compiles(made):
    assert made[2]["paper.tex"].startswith("% !TEX program = pdflatex\n")
    assert typeset(made[0]).startswith(b"%PDF")


@needs("pdflatex")
def test_hostile_names_are_inert(tmp_path):
    study = build_study()
    for run, label in zip(study["study"]["runs"], HOSTILE, strict=True):
        study["runs"][run]["label"] = label
    study["study"]["title"] = HOSTILE[0]
    study["tasks"]["support"]["label"] = HOSTILE[1] + HOSTILE[2]
    texts = make_paper(tmp_path, study, PARTIAL)
    assert all(
        rf"\{name}" not in text
        for text in texts.values()
        for name in ("input{/", "write18", "inputx", "end{document}}")
    )
    assert typeset(tmp_path).startswith(b"%PDF")


@needs("xelatex", package="ctexart.cls")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_chinese_in_any_paper_asks_for_a_program_that_sets_it(tmp_path, language):
    study = build_study()
    study["study"]["language"] = language
    study["runs"]["lora"]["label"] = "低秩适配 é"
    texts = make_paper(tmp_path, study)
    assert texts["paper.tex"].startswith("% !TEX program = xelatex\n")
    assert ("留出损失" in texts["results.tex"]) == (language == "zh")
    assert typeset(tmp_path).startswith(b"%PDF")


@needs("xelatex", package="ctexart.cls")
def test_a_sign_that_no_font_has_is_named(tmp_path):
    study = build_study()
    study["runs"]["lora"]["label"] = "LoRA \U0001f642"
    make_paper(tmp_path, study)
    with pytest.raises(UserError, match="The fonts of this LaTeX lack"):
        typeset(tmp_path)


def test_a_latex_that_is_not_there_is_named_with_the_remedy(made, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"^pdflatex is not installed.*its sources are in .*paper\..*make programs"):
        typeset(made[0])


@pytest.mark.parametrize("part", ["setting.tex", "methods.tex", "results.tex"])
def test_every_part_says_that_it_has_no_results_or_not_all(tmp_path, part):
    study = build_study()
    study["study"]["smoke"] = True
    text = make_paper(tmp_path, study, PARTIAL)[part]
    assert "This is a smoke study: these numbers are not results." in text
    assert r"5 of 6 arms are here" in text
    assert r"\texttt{train\_preferences dpo\_1} failed: 50 \% of \{memory\}" in text
    assert r"DPO \& co against warm start" in text


@pytest.mark.parametrize("tasks", [["arithmetic"], ["support"]])
@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_studies_of_every_kind_have_a_paper(tmp_path, tasks, seeds):
    study = build_study(seeds=seeds)
    study["study"]["tasks"] = tasks
    study["tasks"] = {task: study["tasks"][task] for task in tasks}
    texts = make_paper(tmp_path, study)
    assert ("strict accuracy" in texts["results.tex"]) == (tasks == ["arithmetic"])
    assert ("mcnemar1947" in list_cited(texts)) == (tasks == ["arithmetic"])
    assert ("each with one seed" in texts["setting.tex"]) == (len(seeds) == 1)
    assert ("resamples seeds and rows" in texts["methods.tex"]) == (len(seeds) == 2)


def test_a_study_that_trained_nothing_has_a_paper(tmp_path):
    study = build_study(("base",))
    write_results(tmp_path, study, rows=12)
    study["drift"] = None
    write_comparison(tmp_path, study)
    texts = write_paper(tmp_path, study)
    assert "nothing was trained." in texts["setting.tex"]
    assert "tab:costs" not in texts["results.tex"]


def test_a_latex_that_hangs_is_stopped_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(typesetting, "SECONDS", 0.2)
    with pytest.raises(UserError, match=r"sleep was not done after 0\.2 seconds and was stopped; try `sleep 30`"):
        typesetting._run(["sleep", "30"], tmp_path)
