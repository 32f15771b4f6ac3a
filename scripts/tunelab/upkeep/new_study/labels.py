"""Find the column that says of each answer whether it is wanted, as people's feedback does."""

from collections.abc import Collection, Sequence

from tunelab.data.fields import BadField, is_absent
from tunelab.data.preferences import read_label
from tunelab.errors import UserError
from tunelab.values import describe, shorten

LABELS = ("label", "kto_tag")
# what stands in the names of columns that judge an answer, and in those where true would mean that it is not wanted
JUDGING = ("thumb", "feedback", "rating", "liked", "vote", "score", "reward", "reaction", "desirable", "preferred")
AGAINST = ("down", "dis", "un", "reject", "bad", "neg")


def find_label(rows: Sequence[dict], shown: Collection[str], used: Collection[str], place: str) -> str | None:
    """Return the column whose values are labels; None if no column judges the answers.

    shown: the columns that say something; used: those that are read already; place: what the rows are from.

    Raises:
        UserError: naming a column that judges them in another way, since all answers would be learnt alike.
    """
    names = {column: column.strip().lower() for column in shown if column not in used}
    judging = [column for column, name in names.items() if name in LABELS or any(word in name for word in JUDGING)]
    told = {column: _find_unread(rows, column) for column in judging}
    clear = [column for column in judging if told[column] is None and not _is_against(names[column])]
    if clear:
        return min(clear, key=lambda column: names[column] not in LABELS)
    for column in judging:
        if names[column] in LABELS:  # the name of many other things
            continue
        number = told[column] or 1
        raise UserError(
            f"DATA: {place}, row {number}, column {shorten(column)}: {describe(rows[number - 1][column])} seems to "
            "judge the answer, and answers that nobody wants would be learnt like the others. Write true for wanted "
            "ones and false for the rest in a column 'label', or leave the column out."
        )
    return None


def _find_unread(rows: Sequence[dict], column: str) -> int | None:
    """Return the number of the first row whose value is no label."""
    for number, row in enumerate(rows, 1):
        try:
            if not is_absent(row[column]):
                read_label(row[column])
        except BadField:
            return number
    return None


def _is_against(name: str) -> bool:
    return any(word in name for word in AGAINST)
