"""Read Parquet's rows as plain values."""

import io
import re
import uuid
from typing import Any

from tunelab.errors import UserError
from tunelab.values import list_names

# types whose values Arrow gives to Python in a form that no table takes back
_ODD = re.compile("map<|extension<|month_day_nano")


def load_parquet(content: bytes, name: str) -> list[dict[str, Any]]:
    """Return the rows; a map becomes a list of objects with key and value, a UUID its text.

    Raises:
        UserError: if this is no Parquet, a damaged file, or one with texts that are no UTF-8.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(io.BytesIO(content)).names
        if twice := sorted({column for column in names if names.count(column) > 1}):
            raise UserError(f"{name}: it names {list_names(twice)} more than once; rename a column.")
        table = pyarrow.parquet.read_table(io.BytesIO(content))
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0].rpartition("'<Buffer>': ")[2][:150].rstrip(".")
        raise UserError(
            f"{name}: no Parquet file, or a damaged one ({reason}). Copy or download it again, or save it anew."
        ) from error
    odd = [field.name for field in table.schema if _ODD.search(str(field.type))]
    return [row | {column: _simplify(row[column]) for column in odd} for row in rows]


def _simplify(value: Any) -> Any:
    if isinstance(value, list):
        return [_simplify(item) for item in value]
    if isinstance(value, tuple):
        return dict(zip(getattr(value, "_fields", ("key", "value")), map(_simplify, value), strict=True))
    if isinstance(value, dict):
        return {name: _simplify(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, uuid.UUID) else value
