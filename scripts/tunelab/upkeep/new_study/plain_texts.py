"""Say how plain texts come into a study, since they alone ask nothing that it could compare."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.errors import UserError

# what a study that was begun with other rows is given: a run that reads the texts, and one that goes on from it
WRITTEN = (
    "datasets: {{texts: {{fetch: {{source: local, files: [{place}]}}, prepare: {{format: text{columns}}}}}}} and "
    "runs: {{reading: {{like: lora, label: Reading, dataset: texts}}, "
    "both: {{like: lora, label: Reading and LoRA, init_from: reading, adapter: null}}}}"
)


def refuse_texts(telling: Sequence[str], shown: Mapping[str, Any], place: str) -> None:
    """Raise `UserError` if there is one column that is no numbering, and it holds texts.

    telling: such columns; shown: a value of each column that has any; place: what the rows are from.
    """
    if len(telling) != 1 or not isinstance(shown.get(telling[0]), str):
        return
    columns = "" if telling[0] == "text" else f", columns: {{text: {telling[0]}}}"
    raise UserError(
        f"DATA: {place} holds plain texts (column {telling[0]!r}), which ask nothing that a study could compare. Begin "
        f"one with rows that ask, and write into its config {WRITTEN.format(place=place, columns=columns)}; name both "
        "in study.runs, and [both, lora] in comparison.contrasts."
    )
