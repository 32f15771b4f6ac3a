"""What every row of `results.json` is made of."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["better", "worse", "equivalent", "undecided"]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Number(Record):
    """A value with the ends of its 95 % interval and the number of items behind it."""

    value: float
    low: float
    high: float
    n: int = Field(description="Items (held-out rows or paragraphs).")
    interval: Literal["wilson", "clopper-pearson", "bootstrap", "crossed", "paired-bootstrap", "tango", "fieller"] = (
        Field(
            description="How the interval was made. `crossed` and `fieller` (of a ratio) resample seeds and items and "
            "are widened for few seeds, the others cover items only; `tango` is the score interval of a paired "
            "difference, taken where too few pairs differ for a bootstrap."
        )
    )
