"""List the figures of a study, one record each: its module, inputs, place on the page, and which studies have it.

Nothing here loads a plotting library: the module that draws a figure is imported when it is drawn.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from tunelab.config.methods import REWARDED, SIGNALLING, list_methods
from tunelab.config.study import Study


class Figure(NamedTuple):
    """A figure; its files, its function `draw_<name>` and its entry in `reports/captions/figure.rst` have its name."""

    name: str
    module: str  # of this room, with the function that draws it
    section: str  # of the page
    slice: str  # the part of the config that it depends on, of `jobs.slices.StudySlices`
    reads: tuple[str, ...]  # table (results.json), costs (training.json), drawings (samples' summary.json), histories
    exists: Callable[[Study], object] = Study.list_trained  # true where the study has data for it
    methods: tuple[str, ...] = ()  # of the runs whose histories it reads; it exists where the study has such runs

    def is_of(self, study: Study) -> bool:
        """Tell whether a study has the figure; `study` is complete, not a slice."""
        return bool(study.list_runs(*self.methods) if self.methods else self.exists(study))

    @property
    def code(self) -> str:
        """The file of `module` as a path from the folder of the scripts, for the facts of the job that draws it."""
        return f"tunelab/reporting/{self.module}.py"

    def find_draw(self) -> Callable[..., Any]:
        """Return the function that draws the figure: of a `StudyFolder` and its words, a `figures.Drawing`."""
        return getattr(import_module(f"tunelab.reporting.{self.module}"), f"draw_{self.name}")


def list_declared(study: Study) -> list[str]:
    """List the tasks on which the config declares contrasts."""
    return [task for task in study.tasks if study.list_contrasts(task)]


TABLE, HISTORIES = ("table",), ("histories",)
FIGURES = {
    figure.name: figure
    for figure in (
        Figure("tasks", "task_figures", "results", "labels", TABLE, exists=lambda study: study.tasks),
        Figure("contrasts", "contrast_figures", "contrasts", "labels", TABLE, exists=list_declared),
        Figure(
            "gains",
            "task_figures",
            "gains",
            "labels",
            TABLE,
            exists=lambda study: any(study.task(task)["kind"] == "maths" for task in list_declared(study)),
        ),
        Figure("costs", "cost_figures", "cost", "drawn_costs", ("table", "costs", "drawings")),
        Figure(
            "learning_curves",
            "learning_figures",
            "learning",
            "drawn_curves",
            HISTORIES,
            methods=list_methods("answers"),
        ),
        Figure(
            "trajectories",
            "trajectory_figures",
            "trajectories",
            "titled_trajectory",
            TABLE,
            exists=lambda study: study.spec.get("trajectory") and study.list_trained(),
        ),
        Figure("tuning", "tuning_figures", "tuning", "titled_tuning", TABLE, exists=Study.list_tuned),
        Figure("rewards", "training_figures", "rewards", "drawn_rewards", HISTORIES, methods=REWARDED),
        Figure("signals", "training_figures", "signals", "drawn_signals", HISTORIES, methods=SIGNALLING),
        Figure(
            "forgetting",
            "forgetting_figures",
            "changes",
            "drawn_forgetting",
            TABLE,
            exists=lambda study: study.spec.get("drift") and study.list_trained(),
        ),
    )
}
