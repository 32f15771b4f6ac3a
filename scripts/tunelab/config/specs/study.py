"""Sections on the study and its comparisons."""

from typing import Literal

from pydantic import Field, PositiveFloat

from tunelab.config.metrics import MARGINS
from tunelab.config.specs.base import Label, Seed, Spec


class ContrastSpec(Spec):
    """Two runs to compare on some of the study's tasks only."""

    runs: tuple[str, ...] = Field(description="The pair, [run, against].")
    tasks: tuple[str, ...] = Field(min_length=1, description="The tasks on which the pair is compared.")


class ComparisonSpec(Spec):
    """Which differences between runs are tested, and how large one must be to matter."""

    contrasts: tuple[tuple[str, ...] | ContrastSpec, ...] = Field(
        (),
        description="Pairs [run, against], compared on every task and neutral text, or {runs: [run, against], "
        "tasks: [...]}; the p-values of one task and metric are corrected together (Holm).",
    )
    margins: dict[str, PositiveFloat] = Field(
        description="Metric → difference, in its own unit, below which two runs are equivalent; shares from 0 to 1. "
        "That of strict holds for mean@N, pass@k and maj@k too, that of ranking for the one per token.",
        json_schema_extra={"properties": {name: {"exclusiveMinimum": 0, "type": "number"} for name in MARGINS}},
    )


class LooksSpec(Spec):
    """When declared contrasts are tested while seeds are added, which must be said before the first look."""

    seeds: tuple[int, ...] = Field(
        min_length=1, description="How many seeds, the first of study.seeds, each look has; the last has all of them."
    )
    spend: tuple[float, ...] = Field(
        min_length=1, description="Which part of the chance of a false alarm each look may use; they add up to 1."
    )


class StudySpec(Spec):
    """What the report compares."""

    title: Label
    language: Literal["en", "zh"] = Field(
        "en", description="The language of page and figures; their facts are the same in both."
    )
    results: str = Field(
        "results",
        pattern=r"^results(/[a-z0-9][a-z0-9_-]{0,59})*$",
        max_length=120,
        description="Folder of this study's artefacts: `results`, or one below it (results/mine) in lower-case "
        "letters, digits, `_` and `-`. Each study of a checkout has its own.",
    )
    runs: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field(min_length=1)
    looks: LooksSpec | None = Field(
        None,
        description="Seeds are added until the contrasts are decided: later looks train only runs of undecided ones. "
        "null: all runs get all seeds, and are tested once.",
    )
    tasks: tuple[str, ...] = Field(min_length=1)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="What models compute in; auto: what a CPU was measured to be faster in, a GPU's bfloat16.",
    )
    smoke: bool = Field(False, description="Marks a trial of the workflow whose numbers mean nothing.")
