"""What tests share with trainings, and the main numbers with and without these rows side by side."""

from tunelab.reporting.findings import find_tension
from tunelab.reporting.remarks import list_doubts


def build_contamination(found: dict[str, list[dict]], cells: dict, pairs: dict) -> dict:
    """Build what the page tells; `cells` and `pairs` hold the estimates and findings on all rows.

    `levels` has an entry for each task and each kind of rows left out; `emptied` those of which too few would stay.
    """
    levels: dict[tuple[str, str], dict] = {}
    for row in found["cleaned"]:
        level = levels.setdefault((row["task"], row["without"]), {"n": row["n"], "runs": [], "contrasts": []})
        level["n"] = max(level["n"], row["n"])  # a run may have been asked fewer rows
        level["runs"].append((cells[row["run"], row["task"], row["metric"]], row))
    for row in found["cleaned_contrasts"]:
        level, whole = levels[row["task"], row["without"]], pairs[row["task"], row["run"], row["against"]]
        again = row | {name: whole[name] for name in ("starved", "degenerate", "margin")} | {"p": row["p_corrected"]}
        level["contrasts"].append((whole, again | {"doubted": list_doubts(again), "tension": find_tension(again)}))
    return {
        "overlaps": found["overlaps"],
        "twins": found["twins"],
        "templated": [row for row in found["twins"] if row["numbers"] == "masked" and row["both"]],
        "shared": [row for row in found["overlaps"] if row["near"]],
        "levels": [{"task": task, "without": without, **level} for (task, without), level in levels.items()],
        "emptied": [row for row in found["left"] if not row["enough"]],
    }
