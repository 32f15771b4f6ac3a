"""Where each number of the page comes from: its row in results.json, and the files and the method behind that row."""

from typing import Any

KINDS = (
    *("estimates", "contrasts", "parts", "gains", "kinds", "recovered", "implicit", "repeats", "known"),
    *("cleaned", "cleaned_contrasts", "sameness"),
)


def place_rows(found: dict[str, list[dict]]) -> None:
    """Give every row of results.json its place there, which the page links to: `estimates/12`."""
    for kind in KINDS:
        for number, row in enumerate(found[kind]):
            row["place"] = f"{kind}/{number}"


def build_trace(found: dict[str, list[dict]], file: str) -> dict[str, Any]:
    """Build what the page shows of a number that is asked for, each file's name once; `file` is that of the rows.

    A row is a list: the place of its interval's method in `intervals` (-1: none of its own), then those of its files.
    """
    files: dict[str, int] = {}
    intervals: dict[str, int] = {}
    rows = {
        kind: [
            [
                intervals.setdefault(row["interval"], len(intervals)) if "interval" in row else -1,
                *(files.setdefault(file, len(files)) for file in row.get("sources", ())),
            ]
            for row in found[kind]
        ]
        for kind in KINDS
    }
    return {"file": file, "files": list(files), "intervals": list(intervals), "rows": rows}
