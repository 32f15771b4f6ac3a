"""What was drawn for runs that learn from answers which a model gave, and what each of them learnt from."""

from typing import Any

from tunelab.jobs.layout import StudyFolder


def build_samples(study: StudyFolder) -> dict[str, Any]:
    """Build one row per drawing, and one per run and seed that learnt from it; empty where nothing was drawn."""
    drawings = [
        {"name": name, "seed": seed, "source": study.spec["samples"][name]["run"]}
        | study.load(study.samples_file(name, seed, "summary.json"))
        for name, seed in study.list_drawings()
    ]
    learners = [
        {"run": run, "seed": seed, "samples": study.run(run)["samples"]}
        | study.load(study.run_file(run, seed, "choice.json"))
        for run, seed in study.list_arms(study.list_learners())
    ]
    for row in learners:
        alike = [set(other["questions"]) for other in learners if _is_beside(row, other)]
        row["common"] = len(set.intersection(*alike))
    return {"drawings": drawings, "learners": learners} if drawings else {}


def _is_beside(row: dict, other: dict) -> bool:
    return (row["samples"], row["seed"]) == (other["samples"], other["seed"])
