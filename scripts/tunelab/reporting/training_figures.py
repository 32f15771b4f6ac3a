"""Draw what happened during training: losses of supervised runs, rewards and signs of health of all others."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tunelab.config.specs.training import SAMPLING, SIGNALLING
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
PREFERENCE = {"rewards/chosen": "preferred, log-ratio", "rewards/rejected": "rejected, log-ratio"}
# what methods without a reward of their own log
SIGNALS = {
    "dpo": PREFERENCE | {"rewards/accuracies": "pairs told apart"},
    "kto": PREFERENCE | {"kl": "KL from the start (nats)"},
    "distillation": {
        name: HEALTH[name] for name in ("entropy", "completions/mean_length", "completions/clipped_ratio")
    },
}
SHARES = {"completions/clipped_ratio", "frac_reward_zero_std", "rewards/accuracies"}
COLUMNS = 4
AGAINST = (("reward", "tokens"), ("kl", "tokens"), ("reward", "kl"))
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
    handles = build_run_handles(study, runs) + kinds
    figure.legend(handles=handles, loc="outside lower center", ncols=min(7, len(handles)))
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
    """Draw each GRPO run's reward, its parts, and signs of health over the steps, as small multiples.

    The last line has reward and divergence of all of them against the tokens seen, and against each other. Seconds are
    no axis here, so that the figure is the same on every machine.
    """
    runs = study.list_runs(*SAMPLING)
    if not runs:
        raise UserError("study.runs has no run with `method: grpo`, so there are no rewards to draw.")
    figure, last = _draw_multiples(study, {run: _list_curves(study.run(run)) for run in runs}, further=1)
    histories = {run: _load_histories(study, run) for run in runs}
    for panel, (name, axis) in zip(last[0], AGAINST, strict=False):
        logged = [run for run in runs if any({name, axis} <= row.keys() for rows in histories[run] for row in rows)]
        for run in logged or runs[:1]:
            _draw_curve(panel, histories[run], name, find_colour(study, run), axis)
        panel.set_title({"reward": "reward", "kl": HEALTH["kl"]}[name], fontsize=10)
        panel.set_xlabel({"tokens": AXES["tokens"], "kl": HEALTH["kl"]}[axis], fontsize=9)
    last[0][-1].set_axis_off()
    if len(runs) > 1:
        figure.legend(handles=build_run_handles(study, runs), loc="outside lower center", ncols=min(5, len(runs)))
    return figure


def draw_signals(study: StudyFolder) -> Figure:
    """Draw each run's loss over the steps, and what else tells how preference learning and distillation went."""
    runs = study.list_runs(*SIGNALLING)
    if not runs:
        names = ", ".join(f"`{method}`" for method in SIGNALLING)
        raise UserError(f"study.runs has no run of a method among {names}, so there are no signals to draw.")
    curves = {run: {"loss": "loss"} | SIGNALS[study.run(run)["method"]] for run in runs}
    return _draw_multiples(study, curves)[0]


def _draw_multiples(
    study: StudyFolder, curves: dict[str, dict[str, str]], further: int = 0
) -> tuple[Figure, list[list[Axes]]]:
    """Draw small multiples (run → column of its history → title), and return the lines of panels that are left."""
    lines = [math.ceil(len(each) / COLUMNS) for each in curves.values()]
    figure, panels = build_panels(sum(lines) + further, COLUMNS, 1.9)
    figure.get_layout_engine().set(h_pad=0.08, w_pad=0.08)
    for i, (run, titles) in enumerate(curves.items()):
        own = [panel for line in panels[sum(lines[:i]) : sum(lines[: i + 1])] for panel in line]
        for panel, (name, title) in zip(own, titles.items(), strict=False):
            _draw_curve(panel, _load_histories(study, run), name, find_colour(study, run))
            first = name == next(iter(titles))
            panel.set_title(f"{shorten_label(study, run)}: {title}" if first else title, fontsize=10)
        for panel in own[len(titles) :]:
            panel.set_axis_off()
    return figure, panels[sum(lines) :]


def _load_histories(study: StudyFolder, run: str) -> list[list[dict]]:
    return [study.load(study.run_file(run, seed, "history.jsonl")) for seed in study.list_seeds(run)]


def _list_curves(run: dict) -> dict[str, str]:
    """List the columns of a GRPO history to draw, each with its title."""
    parts = {f"rewards/{name}/mean": name.replace("_", " ") for name in run["rewards"]["weights"]}
    return {"reward": "reward"} | parts | HEALTH


def _draw_curve(panel: Axes, histories: list[list[dict]], name: str, colour: str, axis: str = "step") -> None:
    logged = [[row for row in history if {name, axis} <= row.keys()] for history in histories]
    if not any(logged):
        # KL is not computed with beta 0, and entropy only by newer trainers; an empty panel would look like zero.
        panel.set_axis_off()
        panel.text(0, 0.8, "(not logged in this run)", transform=panel.transAxes, color="#666666", fontsize=9)
        return
    for rows in logged:
        steps, values = [row[axis] for row in rows], [row[name] for row in rows]
        curve = {"linewidth": 1.4, "marker": "o" if len(steps) == 1 else None}
        panel.plot(steps, values, color=colour, **({"linewidth": 0, "marker": "."} if axis == "kl" else curve))
    panel.set_xlabel(axis, fontsize=9)
    panel.tick_params(labelsize=9)
    panel.xaxis.set_major_locator(MaxNLocator(3 if axis == "kl" else 4, integer=axis != "kl"))
    if name in SHARES:
        panel.set_ylim(-0.04, 1.04)
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    elif name.startswith("rewards/"):
        panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
