"""Draw what happened while runs learnt from rewards, preferences or a teacher: small multiples over the steps."""

import math
from gettext import NullTranslations

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from tunelab.config.methods import METHODS, REWARDED, SIGNALLING
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import headlines
from tunelab.reporting.figures import (
    Drawing,
    build_panels,
    build_run_handles,
    format_share,
    format_whole,
    shorten_label,
)
from tunelab.reporting.learning_figures import History, average, describe_point, draw_curve, load_histories
from tunelab.reporting.notation import find_colour

HEALTH = ("kl", "entropy", "completions/mean_length", "completions/clipped_ratio", "frac_reward_zero_std")
SHARES = {"completions/clipped_ratio", "frac_reward_zero_std", "rewards/accuracies"}
AGAINST = (("reward", "tokens"), ("kl", "tokens"), ("reward", "kl"))
PARTS = ("#8da0cb", "#fc8d62", "#66c2a5", "#e78ac3", "#ffd92f", "#e5c494", "#a6d854", "#b3b3b3")


def name_curves(words: NullTranslations) -> dict[str, str]:
    """Name what trainers log, and what it is drawn against; what has no name here goes by the trainer's own key."""
    _ = words.gettext
    return {
        "reward": _("reward"),
        "loss": _("loss"),
        "kl": _("KL from the start (nats)"),
        "entropy": _("entropy (nats)"),
        "completions/mean_length": _("length (tokens)"),
        "completions/clipped_ratio": _("completions cut off"),
        "frac_reward_zero_std": _("groups without variance"),
        "rewards/chosen": _("preferred, log-ratio"),
        "rewards/rejected": _("rejected, log-ratio"),
        "rewards/accuracies": _("pairs told apart"),
        "step": _("step"),
        "tokens": _("tokens seen"),
    }


def name_part(name: str, words: NullTranslations) -> str:
    """Name a reward function; those of the user's own go by the name that the config gives them."""
    _ = words.gettext
    known = {
        "correctness": _("correctness"),
        "integer": _("integer"),
        "strict_format": _("strict format"),
        "soft_format": _("soft format"),
        "xml_count": _("xml count"),
    }
    return known.get(name, name.replace("_", " "))


def draw_rewards(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw each run's reward as the sum of its weighted parts, and signs of health, as small multiples.

    The last line has reward and divergence of all of them against the tokens seen, and against each other. Seconds are
    no axis here, so that the figure is the same on every machine.
    """
    runs, names = study.list_runs(*REWARDED), name_curves(words)
    if not runs:
        raise UserError("study.runs has no run with `method: grpo`, so there are no rewards to draw.")
    histories = {run: load_histories(study, run) for run in runs}
    weights = {run: study.run(run)["rewards"]["weights"] for run in runs}
    parts = dict.fromkeys(part for run in runs for part in weights[run])
    colours = {part: PARTS[place % len(PARTS)] for place, part in enumerate(parts)}
    drawing, own, last = _lay_out(headlines.tell_rewards(study, histories, words), [1 + len(HEALTH)] * len(runs), 3, 1)
    for run, panels in zip(runs, own, strict=True):
        _draw_stack(panels[0], *stack_parts(histories[run], weights[run]), colours)
        _draw_run(drawing, panels, study, run, ("reward", *HEALTH), histories[run], words)
    for panel, (name, axis) in zip(last, AGAINST, strict=True):
        for run in [run for run in runs if _is_logged(histories[run], name, axis)] or runs[:1]:
            _draw_values(panel, histories[run], name, find_colour(study, run), words, axis)
        panel.set_title(names[name], fontsize=10)
    handles = [Patch(color=colour, label=name_part(part, words)) for part, colour in colours.items()]
    handles += build_run_handles(study, runs) if len(runs) > 1 else []
    drawing.figure.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)))
    return drawing


def draw_signals(study: StudyFolder, words: NullTranslations) -> Drawing:
    """Draw each run's loss over the steps, and what else tells how preference learning and distillation went."""
    runs = study.list_runs(*SIGNALLING)
    if not runs:
        names = ", ".join(f"`{method}`" for method in SIGNALLING)
        raise UserError(f"study.runs has no run of a method among {names}, so there are no signals to draw.")
    histories = {run: load_histories(study, run) for run in runs}
    curves = {run: METHODS[study.run(run)["method"]].signals for run in runs}
    drawing, own, _ = _lay_out(headlines.tell_signals(study, histories, words), list(map(len, curves.values())), 4)
    for run, panels in zip(runs, own, strict=True):
        _draw_run(drawing, panels, study, run, curves[run], histories[run], words)
    return drawing


def stack_parts(histories: list[History], weights: dict[str, float]) -> tuple[list[float], dict[str, list[float]]]:
    """Return the steps, and of each part of the reward its mean over seeds at each of them, times its weight.

    So the parts add up to the reward. A part that scored no answer of a step is not logged there, and adds nothing.
    """
    steps = average(histories, "reward").steps
    curves = {part: average(histories, f"rewards/{part}/mean") for part in weights}
    logged = {part: dict(zip(curve.steps, curve.values, strict=True)) for part, curve in curves.items()}
    return steps, {part: [weight * logged[part].get(step, 0.0) for step in steps] for part, weight in weights.items()}


def _lay_out(
    headline: str, counts: list[int], columns: int, further: int = 0
) -> tuple[Drawing, list[list[Axes]], list[Axes]]:
    """Lay out as many panels as each run has curves, on lines of its own, and return those of `further` lines too."""
    lines = [math.ceil(count / columns) for count in counts]
    drawing, panels = build_panels(headline, sum(lines) + further, columns, 1.9)
    drawing.figure.get_layout_engine().set(h_pad=0.08, w_pad=0.08)
    flat, own = iter([panel for line in panels for panel in line]), []
    for count, number in zip(counts, lines, strict=True):
        given = [next(flat) for _ in range(number * columns)]
        for panel in given[count:]:
            panel.set_axis_off()
        own.append(given[:count])
    return drawing, own, list(flat)


def _draw_run(
    drawing: Drawing,
    panels: list[Axes],
    study: StudyFolder,
    run: str,
    curves: tuple[str, ...],
    histories: list[History],
    words: NullTranslations,
) -> None:
    """Draw a run's curves over the steps, each with a mark that says how it ended."""
    names, colour = name_curves(words), find_colour(study, run)
    for panel, name in zip(panels, curves, strict=True):
        _draw_values(panel, histories, name, colour, words)
        panel.set_title(names.get(name, name), fontsize=10)
        curve = average(histories, name)
        if curve.steps:
            (mark,) = panel.plot(curve.across[-1], curve.values[-1], "o", color=colour, markersize=4)
            drawing.explain(mark, study.run(run)["label"], names.get(name, name), *describe_point(curve, -1, words))
    panels[0].set_title(f"{shorten_label(study, run)}: {names.get(curves[0], curves[0])}", fontsize=10)


def _draw_stack(panel: Axes, steps: list[int], parts: dict[str, list[float]], colours: dict[str, str]) -> None:
    """Stack the parts of a reward, those below zero downwards."""
    ends = {True: [0.0] * len(steps), False: [0.0] * len(steps)}
    for part, values in parts.items():
        for up, end in ends.items():
            edge = [low + (value if (value >= 0) == up else 0.0) for low, value in zip(end, values, strict=True)]
            panel.fill_between(steps, end, edge, color=colours[part], linewidth=0)
            ends[up] = edge


def _is_logged(histories: list[History], name: str, axis: str) -> bool:
    return any({name, axis} <= row.keys() for history in histories for row in history)


def _draw_values(
    panel: Axes, histories: list[History], name: str, colour: str, words: NullTranslations, axis: str = "step"
) -> None:
    _ = words.gettext
    if not _is_logged(histories, name, axis):
        # KL is not computed with beta 0, and entropy only by newer trainers; an empty panel would look like zero.
        panel.set_axis_off()
        panel.text(0, 0.8, _("(not logged in this run)"), transform=panel.transAxes, color="#666666", fontsize=9)
        return
    if axis == "kl":
        points = [(row[axis], row[name]) for history in histories for row in history if {name, axis} <= row.keys()]
        panel.plot(*zip(*points, strict=True), ".", color=colour)
    else:
        curve = average(histories, name, axis)
        draw_curve(panel, curve, colour, linewidth=1.4)
    panel.set_xlabel(name_curves(words)[axis], fontsize=9)
    panel.tick_params(labelsize=9)
    if axis == "tokens":
        panel.xaxis.set_major_formatter(format_whole)
    panel.xaxis.set_major_locator(MaxNLocator(3 if axis == "kl" else 4, integer=axis != "kl"))
    if name in SHARES:
        panel.set_ylim(-0.04, 1.04)
        panel.yaxis.set_major_formatter(format_share)
