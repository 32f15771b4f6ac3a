"""Read a fetched data set as examples, file by file, so that a bad row is named by its own file and number."""

from typing import TYPE_CHECKING, Any

from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import Example, build_examples, map_columns
from tunelab.sources.origins import divide_by_file, render_origin

if TYPE_CHECKING:
    from datasets import Dataset


def read_examples(
    raw: dict[str, "Dataset"], source_card: dict[str, Any], spec: PrepareSpec, dataset: str
) -> dict[str, list[Example]]:
    """Return the examples of each split.

    source_card: what `fetch_dataset` noted of the data set.

    Raises:
        UserError: naming the first row, or the column, that cannot be used.
    """
    examples = {}
    for split, rows in raw.items():
        columns = map_columns(spec, rows.column_names, dataset, render_origin(source_card, split))
        examples[split] = [
            example
            for file, part in divide_by_file(source_card, split, rows.to_list())
            for example in build_examples(part, spec, columns, file)
        ]
    return examples
