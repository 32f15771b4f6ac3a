"""Whether two trainings learnt the same: their curves in float32, step by step."""

from typing import Any

WITHIN = 1e-3  # of a value, and absolutely for one near zero; both learn in float32, but sum in another order


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
