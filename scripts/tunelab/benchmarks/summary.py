"""Summarise measured trainings (medians, spread, ratios) as values, tables and a plot, and compare their curves."""

from pathlib import Path
from statistics import median
from typing import Any

from tunelab.records import whole_file

# tolerance of curves, relative, and absolute near zero: both trainings use float32, but sum in another order
WITHIN = 1e-3
GIB = 2**30
# operations for each weight and token with a trained adapter; GRPO: generate 2, reference 2, policy 4
PASSES = {"sft": 4, "grpo": 8}


def list_differences(plain: dict[str, list[float]], project: dict[str, list[float]]) -> list[str]:
    """Return a sentence for every step at which curves of one name disagree beyond rounding."""
    if plain.keys() != project.keys():
        return [f"plain logs {', '.join(plain)}, project {', '.join(project)}"]
    found = []
    for name, expected in plain.items():
        if len(expected) != len(project[name]):
            found.append(f"{name}: {len(expected)} steps against {len(project[name])}")
        for step, (one, other) in enumerate(zip(expected, project[name], strict=False), 1):
            if not abs(one - other) <= WITHIN * max(1.0, abs(one)):
                found.append(f"{name} at step {step}: plain {one:.6g}, project {other:.6g}")
    return found


def render_curves(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return a line per curve and variant: `loss  plain  1.2520 1.3047`."""
    names = next(iter(found.values()))["curves"]
    return [
        f"    {name:9} {variant:8} " + " ".join(f"{value:.4f}" for value in run["curves"][name])
        for name in names
        for variant, run in found.items()
    ]


def summarise(rounds: list[dict[str, Any]], method: str, product_rate: float | None) -> dict[str, Any]:
    """Summarise the rounds of one run and variant; the first step of each training is left out.

    Returns:
        Seconds a step (median, min, max) and of its parts, tokens a second without padding, page faults a step, peak
        memory, and `product_share`: the operations of the layers' matrix products over what the machine could do in
        that time (`product_rate`). 1 would be products only, or more where prefixes that rows share are computed once.
    """
    steps = [row for found in rounds for row in found["steps"][1:]]
    seconds, tokens = [row["seconds"] for row in steps], [count for found in rounds for count in found["tokens"][1:]]
    pace = sum(tokens) / sum(seconds)
    weights = rounds[0]["layer_weights"]
    return {
        "seconds": {"median": median(seconds), "min": min(seconds), "max": max(seconds), "steps": len(seconds)},
        "parts": {part: median(row["parts"][part] for row in steps) for part in steps[0]["parts"]},
        "tokens_per_second": pace,
        "page_faults": median(row["page_faults"] for row in steps),
        "system_seconds": median(row["system_seconds"] for row in steps),
        "peak_memory_bytes": max(found["peak_memory_bytes"] for found in rounds),
        "product_share": PASSES[method] * weights * pace / product_rate if product_rate else None,
        "ways": {name: rounds[0][name] for name in ("scoring", "decoding", "threads") if name in rounds[0]},
    }


def find_ratio(rounds: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Return the median step of plain TRL over that of the project: median, lowest and highest of the rounds."""
    by_round = [
        median(row["seconds"] for row in plain["steps"][1:]) / median(row["seconds"] for row in project["steps"][1:])
        for plain, project in zip(rounds["plain"], rounds["project"], strict=True)
    ]
    return {"median": median(by_round), "min": min(by_round), "max": max(by_round)}


def render_table(found: dict[str, Any]) -> str:
    """Return a Markdown table of a bench's runs."""
    lines = [
        "| run | precision | variant | s a step (min–max) | ratio (min–max) | tokens/s | peak GiB | faults a step "
        "| share of products | parts |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for run, entry in found["runs"].items():
        for variant, row in entry["variants"].items():
            seconds, ratio, share = row["seconds"], entry["ratio"], row["product_share"]
            times = f"×{ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f})" if variant == "project" else ""
            lines.append(
                f"| {run} | {entry['dtype']} | {variant} "
                f"| {seconds['median']:.2f} ({seconds['min']:.2f}–{seconds['max']:.2f}) | {times} "
                f"| {row['tokens_per_second']:.0f} | {row['peak_memory_bytes'] / GIB:.2f} | {row['page_faults']:,.0f} "
                f"| {'' if share is None else f'{share:.0%}'} "
                f"| {', '.join(f'{part} {value:.2f}' for part, value in row['parts'].items())} |"
            )
    return "\n".join(lines) + "\n"


def render_growth(found: dict[str, Any]) -> str:
    """Return two Markdown tables: steps by setting, and plans by the number of trainings."""
    steps = ["| run | setting | value | s a step | tokens a step | ms a token | peak GiB |", "| --- " * 7 + "|"]
    for row in found["steps"]:
        seconds = row["seconds"]["median"]
        steps.append(
            f"| {row['run']} | {row['setting']} | {row['value']} | {seconds:.2f} | {row['tokens']:.0f} "
            f"| {1000 * seconds / row['tokens']:.2f} | {row['peak_memory_bytes'] / GIB:.2f} |"
        )
    plans = ["| trainings | s to plan |", "| --- | --- |"]
    plans += [f"| {row['trainings']} | {row['seconds']:.1f} |" for row in found["plans"]]
    return "\n".join([*steps, "", *plans]) + "\n"


def draw_parts(found: dict[str, Any], target: Path) -> None:
    """Draw each run's step, split into its parts, one bar for each variant."""
    from tunelab.reporting.figures import build_panels

    drawing, rows = build_panels("", len(found["runs"]), 1, 1.6)
    for (run, entry), (axes,) in zip(found["runs"].items(), rows, strict=True):
        for place, (variant, row) in enumerate(entry["variants"].items()):
            left = 0.0
            for colour, (part, value) in enumerate(row["parts"].items()):
                label = part if place == 0 else None
                axes.barh(variant, value, left=left, color=f"C{colour}", label=label, height=0.7)
                left += value
        axes.invert_yaxis()
        axes.set_title(f"{run} ({entry['dtype']}): seconds a step")
        axes.legend(loc="lower right", ncols=4)
    with whole_file(target, "wb") as file:
        drawing.figure.savefig(file, format="svg", metadata={"Date": None})
