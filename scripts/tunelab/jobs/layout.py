"""Where the artefacts of a study lie."""

from tunelab.config.study import Study as StudyFolder

__all__ = ["StudyFolder"]
