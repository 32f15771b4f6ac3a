"""Draw what happened during training: losses against tokens for supervised runs, rewards and health for GRPO."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tunelab.config.specs.training import SAMPLING
from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.colours import find_colour
from tunelab.reporting.figures import build_panels, build_run_handles, find_marker, shorten_label

HEALTH = {
    "kl": "KL from the start (nats)",
    "entropy": "entropy (nats)",
    "completions/mean_length": "length (tokens)",
    "completions/clipped_ratio": "completions cut off",
    "frac_reward_zero_std": "groups without variance",
}
SHARES = {"completions/clipped_ratio", "frac_reward_zero_std"}
COLUMNS = 4
AXES = {"tokens": "tokens seen", "seconds": "training time (s)"}


def draw_learning_curves(study: StudyFolder) -> Figure:
    """Draw training and held-out loss, one column per data set, against tokens seen and against seconds."""
    runs = study.list_runs("sft")
    if not runs:
        raise UserError("study.runs has no run with `method: sft`, so there are no learning curves to draw.")
    datasets = list(dict.fromkeys(study.run(run)["dataset"] for run in runs))
    figure, panels = build_panels(len(AXES), len(datasets), 3.2)
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.1)
    for column, dataset in enumerate(datasets):
        own = [run for run in runs if study.run(run)["dataset"] == dataset]
        for line, (axis, name) in enumerate(AXES.items()):
            panel = panels[line][column]
            for run in own:
                for seed in study.list_seeds(run):
                    _draw_losses(panel, study, run, study.load(study.run_file(run, seed, "history.jsonl")), axis)
            panel.set(title=f"trained on {dataset}" if line == 0 else "", xlabel=name, ylabel="loss (nats per token)")
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            panel.xaxis.set_major_locator(MaxNLocator(5))
    kinds = [
        Line2D([], [], color="#555555", alpha=0.6, linewidth=1.2, label="training batches"),
        Line2D([], [], color="#555555", linestyle="--", marker="o", label="validation rows"),
    ]
    figure.legend(handles=build_run_handles(study, runs) + kinds, loc="outside lower center", ncols=len(runs) + 2)
    return figure


def _draw_losses(panel: Axes, study: Study, run: str, history: list[dict], axis: str) -> None:
    colour, trained = find_colour(study, run), [row for row in history if "loss" in row]
    held_out = [row for row in history if "eval_loss" in row]
    panel.plot([row[axis] for row in trained], [row["loss"] for row in trained], color=colour, alpha=0.6, linewidth=1.2)
    panel.plot(
        [row[axis] for row in held_out],
        [row["eval_loss"] for row in held_out],
        color=colour,
        linestyle="--",
        marker=find_marker(study, run),
        markersize=6,
    )


def draw_rewards(study: StudyFolder) -> Figure:
    """Draw each GRPO run's reward, its parts, and signs of health over the steps, as small multiples."""
    runs = study.list_runs(*SAMPLING)
    if not runs:
        raise UserError("study.runs has no run with `method: grpo`, so there are no rewards to draw.")
    curves = [_list_curves(study.run(run)) for run in runs]
    lines = [math.ceil(len(each) / COLUMNS) for each in curves]
    figure, panels = build_panels(sum(lines), COLUMNS, 1.9)
    figure.get_layout_engine().set(h_pad=0.08, w_pad=0.08)
    for i, run in enumerate(runs):
        own = [panel for line in panels[sum(lines[:i]) : sum(lines[: i + 1])] for panel in line]
        histories = [study.load(study.run_file(run, seed, "history.jsonl")) for seed in study.list_seeds(run)]
        for panel, (name, title) in zip(own, curves[i].items(), strict=False):
            _draw_curve(panel, histories, name, find_colour(study, run))
            panel.set_title(f"{shorten_label(study, run)}: {title}" if name == "reward" else title, fontsize=10)
        for panel in own[len(curves[i]) :]:
            panel.set_axis_off()
    return figure


def _list_curves(run: dict) -> dict[str, str]:
    """List the columns of a GRPO history to draw, each with its title."""
    parts = {f"rewards/{name}/mean": name.replace("_", " ") for name in run["rewards"]["weights"]}
    return {"reward": "reward"} | parts | HEALTH


def _draw_curve(panel: Axes, histories: list[list[dict]], name: str, colour: str) -> None:
    logged = [[row for row in history if name in row] for history in histories]
    if not any(logged):
        # KL is not computed with beta 0, and entropy only by newer trainers; an empty panel would look like zero.
        panel.set_axis_off()
        panel.text(0, 0.8, "(not logged in this run)", transform=panel.transAxes, color="#666666", fontsize=9)
        return
    for rows in logged:
        steps, values = [row["step"] for row in rows], [row[name] for row in rows]
        panel.plot(steps, values, color=colour, linewidth=1.4, marker="o" if len(steps) == 1 else None)
    panel.set_xlabel("step", fontsize=9)
    panel.tick_params(labelsize=9)
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    if name in SHARES:
        panel.set_ylim(-0.04, 1.04)
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    elif name.startswith("rewards/"):
        panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
