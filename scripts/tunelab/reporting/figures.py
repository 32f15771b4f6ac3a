"""Draw and write figures in one style, with one colour per run, equal byte for byte when redrawn.

In SVG text stays text, so that a page can be searched and a screen reader can follow. Labels are not read as TeX, since
a dollar sign in a config is money. A mark has what it stands for as its title, which browsers show where the SVG is
opened by itself, and the page's script on the page.
"""

import re
import textwrap
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from gettext import NullTranslations
from html import escape
from io import StringIO
from pathlib import Path

import matplotlib
import seaborn as sns
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from tunelab.comparison.results import Contrast, Estimate, Gain
from tunelab.config.metrics import Metric
from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.records import whole_file, write_text
from tunelab.reporting import notation
from tunelab.reporting.notation import find_colour

# --- Fonts that have every character of a figure
# A PDF holds its glyphs, and a missing one would be an empty box. matplotlib brings DejaVu Sans. Chinese and its
# neighbours need a font of the system: the first one of FALLBACKS that is installed. Only figures that need it take it,
# so that all others are the same on every machine.

PLAIN = "DejaVu Sans"
FALLBACKS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
)
_MISSING = r"Glyph (\d+) .* missing from font"


@contextmanager
def fitting_fonts(figure: Figure) -> Iterator[None]:
    """Give the figure's texts fonts that have their characters, and refuse a character that no font here has."""
    texts = figure.findobj(Text)
    lacking = {ord(character) for text in texts for character in text.get_text()} - _list_glyphs(PLAIN) - {ord("\n")}
    fallback = find_fallback() if lacking else None
    for text in texts if fallback else ():
        text.set_fontfamily([PLAIN, fallback])
    # The fallback fonts most often have CFF outlines, which Type 3 embeds in a twentieth of the time, readable for
    # every program; all other figures have TrueType, which publishers want.
    with matplotlib.rc_context({"pdf.fonttype": 3 if fallback else 42}), warnings.catch_warnings():
        warnings.filterwarnings("error", message=_MISSING)
        try:
            yield
        except UserWarning as warning:
            explained = explain_missing(chr(int(re.match(_MISSING, str(warning))[1])))
            raise UserError(f"{explained[0].upper()}{explained[1:]}.") from warning


def explain_missing(character: str) -> str:
    """Say that no font has a character, and what helps."""
    remedy = "write the label of the run, task or data set without it"
    if find_fallback() is None:
        remedy = (
            "install a font for Chinese (Debian, Ubuntu: apt-get install fonts-noto-cjk; without root, a font file of "
            f"{FALLBACKS[1]} in ~/.local/share/fonts), or {remedy}"
        )
    return f"no font here has the character {character!r} of a figure; {remedy}"


def list_missing(text: str) -> list[str]:
    """Return the characters of a text that no font here has."""
    lacking = {ord(character) for character in text} - _list_glyphs(PLAIN) - {ord("\n")}
    if lacking and (fallback := find_fallback()):
        lacking -= _list_glyphs(fallback)
    return [character for character in text if ord(character) in lacking]


@cache
def find_fallback() -> str | None:
    """Return the name of an installed font with Chinese glyphs, or None."""
    manager = font_manager.fontManager
    if not set(FALLBACKS) & set(manager.get_font_names()):
        # matplotlib's list is older than a font just installed; the new one is kept for the next figure
        manager.ttflist = font_manager._load_fontmanager(try_read_cache=False).ttflist
    return next((name for name in FALLBACKS if name in manager.get_font_names()), None)


@cache
def _list_glyphs(font: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont(font)).get_charmap())


# --- Style, panels, labels and files

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tunelab",
    "font.family": [PLAIN],
    "text.parse_math": False,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8a8a",
    "axes.labelcolor": "#333333",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
}
WIDTH = 10.0  # inches; the page scales figures to its column
MARKERS = "osD^vPX*<>"
LONGEST_LABEL = 24  # columns, of which a Chinese character takes two
LONGEST_LINE = 92  # columns of a headline in the PDF
MOST_ENTRIES = 30  # of a legend; more would leave no space for the panels


class Drawing:
    """A figure in the making: `headline` tells what it shows, `says` by its id what each mark stands for."""

    def __init__(self, figure: Figure, headline: str) -> None:
        self.figure, self.headline = figure, headline
        self.says: dict[str, str] = {}

    def explain(self, mark: Artist, *parts: str) -> None:
        """Give a mark the words and numbers that it stands for."""
        name = f"mark-{len(self.says) + 1}"
        mark.set_gid(name)
        self.says[name] = " · ".join(parts)


def build_panels(
    headline: str, rows: int, columns: int, height: float, **options: object
) -> tuple[Drawing, list[list[Axes]]]:
    """Return a drawing in the project's style with `rows` by `columns` panels, `height` inches tall on average."""
    sns.set_theme(context="notebook", style="whitegrid", rc=STYLE)
    figure = Figure(figsize=(WIDTH, height * rows))  # not pyplot's, which would look for a screen
    return Drawing(figure, headline), figure.subplots(rows, columns, squeeze=False, **options).tolist()


def build_run_handles(study: Study, runs: Iterable[str]) -> list[Line2D]:
    """Return one legend entry per run, in its colour and with its marker; none for more than a legend can hold."""
    handles = [
        Line2D([], [], color=find_colour(study, run), marker=find_marker(study, run), label=shorten_label(study, run))
        for run in runs
    ]
    return handles if len(handles) <= MOST_ENTRIES else []


def name_axis(name: str, metric: Metric, words: NullTranslations) -> str:
    """Return an axis's name (a metric's, or of its difference) with the direction in which it is better."""
    _ = words.gettext
    higher, lower = _("%(metric)s (higher is better)"), _("%(metric)s (lower is better)")
    return {"higher": higher, "lower": lower, "": "%(metric)s"}[metric.better] % {"metric": name}


def write_number(row: Estimate) -> str:
    """Write what a mark says of an estimate: `41.7 % [28.8, 55.7], n = 48`."""
    value, interval = notation.format_metric(row.value, row.metric), notation.format_interval(row.model_dump())
    return f"{value} {interval}, {write_rows(row.n)}"


def write_rows(n: int) -> str:
    """Write how many rows are behind a number, without a place to break the line."""
    return f"n\u00a0=\u00a0{notation.format_count(n)}"


format_share = FuncFormatter(lambda value, _: f"{value:.0%}")
format_whole = FuncFormatter(lambda value, _: f"{value:,.0f}")


def format_points(value: float, _position: int) -> str:
    """Write a tick of a difference of shares in percentage points, with as many decimals as it needs."""
    return f"{100 * value:+.3g} pp" if value else "0"


def shorten_label(study: Study, run: str) -> str:
    """Return the run's label, cut where it would push the panels off the figure."""
    label = study.run(run)["label"]
    if count_columns(label) <= LONGEST_LABEL:
        return label
    while count_columns(label) > LONGEST_LABEL - 1:
        label = label[:-1]
    return f"{label}…"


def name_pair(study: Study, row: Contrast | Gain, between: str = " ") -> str:
    """Return `run − against` by their labels."""
    return f"{shorten_label(study, row.run)}{between}− {shorten_label(study, row.against)}"


def count_columns(text: str) -> int:
    """Count how many Latin letters a text is wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def find_marker(study: Study, run: str) -> str:
    return MARKERS[study.runs.index(run) % len(MARKERS)]


def write_figure(drawing: Drawing, svg: Path, pdf: Path) -> None:
    """Write the drawing as SVG and as PDF, without any trace of when and with what it was drawn.

    The headline is the title of both. In the PDF it is drawn too; the page sets it above the SVG.
    """
    figure, title = drawing.figure, {"Creator": None, "Title": drawing.headline}
    with fitting_fonts(figure):
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None} | title)
        write_text(svg, _add_titles(text.getvalue(), drawing.says))
    lines = wrap(drawing.headline)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.22 * len(lines))
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=11, fontweight="bold")
    with fitting_fonts(figure), whole_file(pdf, "wb") as file:
        figure.savefig(file, format="pdf", metadata={"CreationDate": None, "Producer": None} | title)


def wrap(text: str) -> list[str]:
    """Break a headline into lines, between words or between Chinese characters."""
    wide = count_columns(text) > 1.5 * len(text)
    return textwrap.wrap(text, LONGEST_LINE // 2 if wide else LONGEST_LINE, break_long_words=True)


def _add_titles(svg: str, says: dict[str, str]) -> str:
    """Put into each mark's group what it says; let browsers without the font take another one of its width."""
    svg = svg.replace(f"font-family: '{PLAIN}'", f"font-family: '{PLAIN}', Verdana, sans-serif")
    return re.sub(r'<g id="(mark-\d+)">', lambda group: f"{group[0]}<title>{escape(says[group[1]])}</title>", svg)
