"""Make a partial report: choose the complete part of a study, say what is missing and why, and run only its page.

It is the same workflow with a smaller selection, so nothing is estimated in another way. Only the stages of the page
may run, and no training or evaluation takes their files.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.jobs.failures import find_reason
from tunelab.jobs.jobcards import card_file
from tunelab.upkeep.dry_run import Plan
from tunelab.upkeep.missing import (
    DRIFT,
    EXPORTS,
    Block,
    Cause,
    Missing,
    count_run_seeds,
    find_block,
    is_of_page,
    list_chosen_seeds,
    list_parts,
)
from tunelab.upkeep.planning import LINE_LIMIT
from tunelab.upkeep.result_files import read_card


def find_failures(results: Path) -> dict[str, str]:
    """Return the reason of each job that failed last time, by its log without ending, such as `train/lora_seed1`.

    A job that succeeded has a card, and all files on the card exist, since Snakemake removes what a failed job made.
    """
    logs = sorted((results / "logs").rglob("*.log"))
    return {
        log.relative_to(results / "logs").with_suffix("").as_posix(): find_reason(log) for log in logs if _failed(log)
    }


def _failed(log: Path) -> bool:
    card = card_file(log)
    return not card.is_file() or not all(Path(path).exists() for path in read_card(card)["outputs"])


def find_missing(plan: Plan) -> Missing:
    """Return what the study of a plan lacks, with the reasons from its logs."""
    results = plan.config.study.results
    failed = {f"{results}/logs/{name}.log": reason for name, reason in find_failures(Path(results)).items()}
    return Missing(Study(plan.config.describe_study()), plan.jobs, failed)


def choose_block(study: Study, missing: Missing) -> Block:
    """Return the largest part of the study that is complete.

    Raises:
        UserError: if there is none, not even an untouched model with a finished task.
    """
    block = find_block(study, missing.lacking)
    if block is None:
        raise UserError(
            f"There is nothing to report yet: no run has finished a task. {_word(*missing.explain_first())} "
            "`make plan` tells what would run."
        )
    return block


def describe_partial(study: Study, missing: Missing, block: Block) -> dict[str, Any]:
    """Return what the page says about missing parts, as plain values; without `holes` the study is complete.

    `arms` of `of` runs with seeds are shown, `seeds` by run; `holes` hold the kind of each missing part, its name,
    label and cause; `trained` are trained runs left out, `pairs` the labels of declared pairs that are not tested as a
    run is missing.
    """
    return {
        "arms": count_run_seeds(study, block),
        "of": len(study.list_arms()),
        "seeds": {run: list_chosen_seeds(study, block, run) for run in block.runs},
        "holes": [
            {"what": what, "name": name, "label": label, **cause._asdict()}
            for what, name, label, cause in _list_holes(study, missing, block)
        ],
        "trained": [run for run in study.list_trained() if run not in block.runs],
        "pairs": [
            [study.run(run)["label"] for run in pair]
            for pair in study.list_contrasts()
            if not set(pair) <= set(block.runs)
        ],
    }


def restrict(plan: Plan, missing: Missing, block: Block, partial: dict[str, Any]) -> list[str]:
    """Return the arguments that make Snakemake render the page of this part of the study and run nothing else."""
    rules = {job.rule for job in plan.jobs if is_of_page(job)} | missing.allowed | EXPORTS | {"all"}
    without = {hole["what"] for hole in partial["holes"]} & {"drift", "noise"}
    selection = {"runs": block.runs, "tasks": block.tasks}
    return [
        *("--allowed-rules", *sorted(rules)),
        *("--config", f"study={json.dumps(selection)}", *(f"{section}=" for section in sorted(without))),
    ]


def render_holes(partial: dict[str, Any]) -> str:
    """Say in the terminal what the page lacks."""
    lines = [
        f"  {' '.join(filter(None, (hole['what'], hole['name'])))}: {_word(*(hole[name] for name in Cause._fields))}"
        for hole in partial["holes"]
    ]
    more = [f"  and {len(lines) - LINE_LIMIT} more, which the page names"] if len(lines) > LINE_LIMIT else []
    return "\n".join(
        [
            f"{partial['arms']} of {partial['of']} arms (a run with one seed) are on the page, which lacks:",
            *lines[:LINE_LIMIT],
            *more,
        ]
    )


def _list_holes(study: Study, missing: Missing, block: Block) -> Iterator[tuple[str, str, str, Cause]]:
    for run in (run for run in study.runs if run not in block.runs):
        yield "run", run, study.run(run)["label"], _explain_run(study, missing, block, run)
    for seed in (seed for seed in study.seeds if seed not in block.seeds):
        yield "seed", str(seed), str(seed), _explain_seed(study, missing, block, seed)
    run_seeds = [(run, seed) for run in block.runs for seed in list_chosen_seeds(study, block, run)]
    for part in (part for part in list_parts(study) if part not in block.parts):
        named = ("drift", "", "") if part == DRIFT else ("task", part, study.task(part)["label"])
        yield *named, missing.explain(run_seeds, [part])
    if study.spec["noise"] and (cause := _explain_noise(study, missing, block)):
        yield "noise", "", "", cause


def _explain_run(study: Study, missing: Missing, block: Block, run: str) -> Cause | None:
    return missing.explain([(run, seed) for seed in list_chosen_seeds(study, block, run)], block.parts)


def _explain_seed(study: Study, missing: Missing, block: Block, seed: int) -> Cause | None:
    return missing.explain([(run, seed) for run in study.list_trained() if run in block.runs], block.parts)


def _explain_noise(study: Study, missing: Missing, block: Block) -> Cause | None:
    """Return why no repeated evaluation is shown: its run or seed is left out, or it is missing itself."""
    run = study.spec["noise"]["run"]
    seed = study.list_seeds(run)[0]
    if run not in block.runs:
        return _explain_run(study, missing, block, run)
    if seed not in list_chosen_seeds(study, block, run):
        return _explain_seed(study, missing, block, seed)
    return missing.explain_repeats(block.tasks)


def _word(kind: str, job: str, reason: str) -> str:
    said = {"failed": "failed: ", "changed": "must run again: ", "unmade": "has not run yet"}[kind]
    return f"{job} {said}{reason}".rstrip(".") + "."
