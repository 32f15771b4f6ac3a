"""One colour for each run, the same in figures and page."""

from tunelab.config.study import COLOURS, Study

__all__ = ["COLOURS", "find_colour"]


def find_colour(study: Study, run: str) -> str:
    return study.colour(run)
