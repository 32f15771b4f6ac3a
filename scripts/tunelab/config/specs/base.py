"""What every section of the config shares: a closed, frozen model, and the kinds of values in it.

A section holds exactly what its stage depends on. Fields of TRL, PEFT and bitsandbytes keep their own names and
travel as plain mappings (`training`, `adapter`, `quantization`); `arguments` checks those names.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# names and `study.results` become folders, so they are kept to what every file system keeps apart
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([a-z0-9_.-]*[a-z0-9_-])?$",
        max_length=60,
        description="Lower-case letters, digits, `_`, `-` and `.`; no `_`, `-` or `.` first and no `.` last.",
    ),
]
# of a Python function in a file of the user's, which is a column and a part of keys as well
FunctionName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        max_length=60,
        description="The function's own: letters, digits and `_`, a letter first.",
    ),
]
Label = Annotated[str, Field(pattern=r"\S", description="What the report shows; not blank.")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # NumPy takes no more
Share = Annotated[float, Field(gt=0, lt=1)]


class Spec(BaseModel):
    """Base of every section: unknown keys are refused, values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
