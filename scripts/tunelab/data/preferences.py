"""What each method makes of rows of preferences, be they of drawn answers or of a data set.

Pairs are `messages` (up to the answer), `chosen` and `rejected`; labelled answers `messages`, `completion` and `label`.
A data set's own rows end with the chosen answer, or the one that its label is about, as all rows end with theirs.
"""

from typing import Any

from tunelab.errors import UserError

Rows = list[dict[str, Any]]


def are_pairs(rows: Rows) -> bool:
    """Tell whether a data set's rows are pairs of a chosen and a rejected answer, which all of a split are, or none."""
    return "rejected" in rows[0]


def list_pairs(rows: Rows) -> Rows:
    """Return the rows as pairs.

    Raises:
        UserError: if they are answers with labels.
    """
    if "label" in rows[0]:
        raise UserError(
            "dataset: its rows are answers with a label each, and dpo learns from pairs of a chosen and a rejected "
            "answer. Take method: kto, or name a data set with the columns chosen and rejected."
        )
    return [_split(row) for row in rows]


def list_labelled(rows: Rows) -> Rows:
    """Return the rows as labelled answers; a pair is two of them.

    Raises:
        UserError: if all have the same label.
    """
    labelled = [answer for row in rows for answer in _label(_split(row))]
    labels = {answer["label"] for answer in labelled}
    if len(labels) < 2:
        raise UserError(
            f"dataset: the label of all {len(rows)} rows to learn from is {str(labels.pop()).lower()}, so there is "
            "nothing to tell apart. Bring rows with the other label, or take method: sft."
        )
    return labelled


def list_wanted(rows: Rows) -> Rows:
    """Return the rows without those whose answer is labelled false.

    Raises:
        UserError: if none is left.
    """
    wanted = [row for row in rows if row.get("label", True)]
    if not wanted:
        raise UserError(
            f"dataset: all {len(rows)} rows to learn from are labelled false, and sft learns those labelled true. "
            "Bring such rows, or take method: kto with both."
        )
    return wanted


def _split(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its last answer apart from what it answers, as rows of drawn answers have it already."""
    if "chosen" in row or "completion" in row:
        return row
    name = "completion" if "label" in row else "chosen"
    return row | {"messages": row["messages"][:-1], name: row["messages"][-1]}


def _label(row: dict[str, Any]) -> Rows:
    if "label" in row:
        return [row]
    return [row | {"completion": row[side], "label": side == "chosen"} for side in ("chosen", "rejected")]
