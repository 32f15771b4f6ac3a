"""One colour for each run, the same in figures and page."""

from tunelab.config.study import Study

# seaborn's "colorblind" palette, written out because the page needs the colours without loading a plotting library
COLOURS = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"),
    *("#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"),
)


def find_colour(study: Study, run: str) -> str:
    return COLOURS[study.runs.index(run) % len(COLOURS)]
