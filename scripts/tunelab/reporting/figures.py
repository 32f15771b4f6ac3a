"""The look of every figure: one style, one colour per run, and files that are equal byte for byte when redrawn.

In SVG text stays text, so that a page can be searched and a screen reader can follow. Labels are never read as TeX:
they come from configs, where a dollar sign is money.
"""

from collections.abc import Iterable
from pathlib import Path

import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tunelab.config.study import Study
from tunelab.records import whole_file
from tunelab.reporting.colours import find_colour

_CJK = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "PingFang SC", "SimHei")
CJK_FONTS = [font for font in _CJK if font in font_manager.get_font_names()]
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tunelab",
    "pdf.fonttype": 42,
    # the PDF holds its glyphs, so a label in Chinese needs a font that has them; the first one installed is taken
    "font.family": ["DejaVu Sans", *CJK_FONTS],
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
LONGEST_LABEL = 24
MOST_ENTRIES = 30  # of a legend; more would leave the panels no room


def build_panels(rows: int, columns: int, height: float, **options: object) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure in the project's style with `rows` by `columns` panels, each `height` inches tall."""
    sns.set_theme(context="notebook", style="whitegrid", rc=STYLE)
    figure = Figure(figsize=(WIDTH, height * rows))  # not pyplot's, which would look for a screen
    return figure, figure.subplots(rows, columns, squeeze=False, **options).tolist()


def build_run_handles(study: Study, runs: Iterable[str]) -> list[Line2D]:
    """Return one legend entry per run, in its colour and with its marker; none for more than a legend can hold."""
    handles = [
        Line2D([], [], color=find_colour(study, run), marker=find_marker(study, run), label=shorten_label(study, run))
        for run in runs
    ]
    return handles if len(handles) <= MOST_ENTRIES else []


def format_points(value: float, _position: int) -> str:
    """Write a tick of a difference of shares in percentage points, with as many decimals as it needs."""
    return f"{100 * value:+.3g} pp" if value else "0"


def shorten_label(study: Study, run: str) -> str:
    """Return the run's label, cut where it would push the panels off the figure."""
    label = study.run(run)["label"]
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def find_marker(study: Study, run: str) -> str:
    return MARKERS[study.runs.index(run) % len(MARKERS)]


def write_figure(figure: Figure, svg: Path, pdf: Path) -> None:
    """Write the figure as SVG and as PDF, without any trace of when and with what it was drawn."""
    with whole_file(svg) as file:
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    with whole_file(pdf, "wb") as file:
        figure.savefig(file, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
