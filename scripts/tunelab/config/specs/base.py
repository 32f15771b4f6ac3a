"""The base of all sections of the config, and the types of values that they share.

Fields of TRL, PEFT and bitsandbytes keep their names and stay plain mappings (`training`, `adapter`, `quantization`);
`arguments` checks these.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# names become folders, so they have only what every file system tells apart
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([a-z0-9_.-]*[a-z0-9_-])?$",
        max_length=60,
        description="Lower-case letters, digits, `_`, `-` and `.`; no `_`, `-` or `.` first and no `.` last.",
    ),
]
# of a Python function in a file of the user, which is a column of results and a part of keys as well
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
