"""A figure has every character that it is asked to show, or is refused."""

import shutil
import subprocess
from types import SimpleNamespace

import matplotlib
import pytest
from matplotlib.font_manager import fontManager

from tunelab.errors import UserError
from tunelab.reporting import figures
from tunelab.reporting.figures import build_panels, wrap, write_figure
from tunelab.reporting.labels import check_labels


def write(folder, title):
    drawing, panels = build_panels("Seen", 1, 1, 2.0)
    panels[0][0].set_title(title)
    write_figure(drawing, folder / "x.svg", folder / "x.pdf")
    return (folder / "x.svg").read_text(encoding="utf-8"), (folder / "x.pdf").read_bytes()


def test_a_chinese_label_is_in_the_pdf(tmp_path):
    assert figures.find_fallback(), "Install a font with Chinese glyphs: `make programs`."
    svg, pdf = write(tmp_path, "客服问答")
    assert "客服问答" in svg
    assert pdf.startswith(b"%PDF")
    assert shutil.which("pdftotext"), "pdftotext is missing; install poppler-utils."
    told = subprocess.run(["pdftotext", tmp_path / "x.pdf", "-"], capture_output=True, text=True, check=True).stdout
    assert "客服问答" in told and "Seen" in told


def test_a_latin_figure_is_the_same_whatever_fonts_there_are(tmp_path, monkeypatch):
    before = write(tmp_path, "Sums")
    monkeypatch.setattr(figures, "find_fallback", lambda: None)
    assert write(tmp_path, "Sums") == before
    assert b"CIDFontType2" in before[1]  # TrueType, which publishers ask for


@pytest.mark.parametrize(
    ("title", "fallback", "remedy"),
    [
        ("客服", None, "install a font for Chinese .*fonts-noto-cjk.*or write the label"),
        ("\U0001f680", figures.find_fallback(), "write the label of the run, task or data set without it"),
    ],
)
def test_a_character_that_no_font_has_is_refused_and_never_a_box(tmp_path, monkeypatch, title, fallback, remedy):
    monkeypatch.setattr(figures, "find_fallback", lambda: fallback)
    with pytest.raises(UserError, match=f"No font here has the character '{title[0]}' of a figure; {remedy}"):
        write(tmp_path, title)


def test_a_font_is_found_that_was_installed_after_matplotlib_made_its_list_and_kept(monkeypatch, tmp_path):
    found = figures.find_fallback()
    monkeypatch.setattr(matplotlib, "get_cachedir", lambda: str(tmp_path))
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font.name == figures.PLAIN])
    figures.find_fallback.cache_clear()
    assert figures.find_fallback() == found
    figures.find_fallback.cache_clear()
    (kept,) = tmp_path.glob("fontlist-*.json")
    assert f'"{found}"' in kept.read_text(encoding="utf-8")


def test_headlines_are_broken_between_words_or_between_chinese_characters():
    assert [len(line) for line in wrap("four " * 40)] == [89, 89, 19]
    assert [len(line) for line in wrap("优" * 100)] == [46, 46, 8]


def build_study(language="en", run="LoRA", task="Sums"):
    named = SimpleNamespace
    return SimpleNamespace(
        study=named(language=language, runs=("lora",), tasks=("sums",)),
        runs={"lora": named(label=run), "idle": named(label="🚀")},
        tasks={"sums": named(label=task)},
    )


@pytest.mark.parametrize("given", [{}, {"run": "Größe ≥ 3"}, {"run": "客服", "language": "zh"}])
def test_labels_that_figures_can_show_pass_before_anything_is_trained(given):
    check_labels(build_study(**given), {}, "mine.yaml")


@pytest.mark.parametrize(
    ("given", "fallback", "said"),
    [
        ({"run": "LoRA 🚀"}, figures.find_fallback(), r"runs\.lora\.label: no font here has the character '🚀'"),
        ({"task": "ok\n🦙"}, figures.find_fallback(), r"tasks\.sums\.label: no font here has the character '🦙'"),
        ({"task": "客"}, None, r"tasks\.sums\.label: .* '客' of a figure; install a font for Chinese"),
        ({"language": "zh"}, None, r"study\.language: no font here has the character '中' of a figure; install a font"),
    ],
)
def test_what_no_font_here_has_is_refused_before_anything_is_trained(monkeypatch, given, fallback, said):
    monkeypatch.setattr(figures, "find_fallback", lambda: fallback)
    with pytest.raises(UserError, match=rf"^mine\.yaml is not valid:\n  {said}"):
        check_labels(build_study(**given), {}, "mine.yaml")
