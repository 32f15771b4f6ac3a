"""A partial report: which part of the study it is made of, what it lacks and why, and how Snakemake is asked for it.

It is the same workflow with a smaller selection, so that nothing is estimated in another way; only the stages of the
page may run, and none of these is an input of a training or an evaluation.
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
from tunelab.upkeep.holes import (
    DRIFT,
    EXPORTS,
    Block,
    Cause,
    Lacks,
    count_arms,
    find_block,
    is_of_page,
    list_chosen_seeds,
    list_parts,
)
from tunelab.upkeep.planning import LINE_LIMIT
from tunelab.upkeep.studyfolders import read_card

# Which jobs of a study failed the last time that they ran, and why, by their logs and cards.


def find_failures(results: Path) -> dict[str, str]:
    """Return each failed job's reason by its log without ending, such as `train/lora_seed1`.

    A job that ended well has a card, and what the card names is there: Snakemake removes what a failed job made.
    """
    logs = sorted((results / "logs").rglob("*.log"))
    return {
        log.relative_to(results / "logs").with_suffix("").as_posix(): find_reason(log) for log in logs if _failed(log)
    }


def _failed(log: Path) -> bool:
    card = card_file(log)
    return not card.is_file() or not all(Path(path).exists() for path in read_card(card)["outputs"])


def read_lacks(plan: Plan) -> Lacks:
    """Return what the study of a plan lacks, with the reasons that its logs give."""
    results = plan.config.study.results
    failed = {f"{results}/logs/{name}.log": reason for name, reason in find_failures(Path(results)).items()}
    return Lacks(Study(plan.config.describe_study()), plan.jobs, failed)


def choose_block(study: Study, lacks: Lacks) -> Block:
    """Return the largest part of the study that is whole.

    Raises:
        UserError: if there is none, not even an untouched model that has answered a task.
    """
    block = find_block(study, lacks.arms)
    if block is None:
        raise UserError(
            f"There is nothing to report yet: no run has all that one task asks for. {_word(*lacks.explain_first())} "
            "`make plan` tells what would run."
        )
    return block


def describe_partial(study: Study, lacks: Lacks, block: Block) -> dict[str, Any]:
    """Return what the page tells of what it lacks, as plain values; without holes the study is whole.

    `holes` have what kind of part it is, its name and label, and the cause; `trained` are the trained runs that are
    left out, `pairs` the labels of the declared pairs that are not tested for want of a run.
    """
    return {
        "arms": count_arms(study, block),
        "of": len(study.list_arms()),
        "holes": [
            {"what": what, "name": name, "label": label, **cause._asdict()}
            for what, name, label, cause in _list_holes(study, lacks, block)
        ],
        "trained": [run for run in study.list_trained() if run not in block.runs],
        "pairs": [
            [study.run(run)["label"] for run in pair]
            for pair in study.list_contrasts()
            if not set(pair) <= set(block.runs)
        ],
    }


def restrict(plan: Plan, lacks: Lacks, block: Block, partial: dict[str, Any]) -> list[str]:
    """Return the arguments that have Snakemake make the page of this part of the study, and no more."""
    rules = {job.rule for job in plan.jobs if is_of_page(job)} | lacks.allowed | EXPORTS | {"all"}
    without = {hole["what"] for hole in partial["holes"]} & {"drift", "noise"}
    selection = {"runs": block.runs, "seeds": block.seeds, "tasks": block.tasks}
    return [
        *("--allowed-rules", *sorted(rules)),
        *("--config", f"study={json.dumps(selection)}", *(f"{section}=" for section in sorted(without))),
    ]


def render_holes(partial: dict[str, Any]) -> str:
    """Say for people at a terminal what the page lacks."""
    lines = [
        f"  {' '.join(filter(None, (hole['what'], hole['name'])))}: {_word(*(hole[name] for name in Cause._fields))}"
        for hole in partial["holes"]
    ]
    more = [f"  and {len(lines) - LINE_LIMIT} more, which the page names"] if len(lines) > LINE_LIMIT else []
    return "\n".join(
        [f"{partial['arms']} of {partial['of']} arms are on the page, which lacks:", *lines[:LINE_LIMIT], *more]
    )


def _list_holes(study: Study, lacks: Lacks, block: Block) -> Iterator[tuple[str, str, str, Cause]]:
    for run in (run for run in study.runs if run not in block.runs):
        yield "run", run, study.run(run)["label"], _explain_run(study, lacks, block, run)
    for seed in (seed for seed in study.spec["study"]["seeds"] if seed not in block.seeds):
        yield "seed", str(seed), str(seed), _explain_seed(study, lacks, block, seed)
    arms = [(run, seed) for run in block.runs for seed in list_chosen_seeds(study, block, run)]
    for part in (part for part in list_parts(study) if part not in block.parts):
        named = ("drift", "", "") if part == DRIFT else ("task", part, study.task(part)["label"])
        yield *named, lacks.explain(arms, [part])
    if study.spec["noise"] and (cause := _explain_noise(study, lacks, block)):
        yield "noise", "", "", cause


def _explain_run(study: Study, lacks: Lacks, block: Block, run: str) -> Cause | None:
    return lacks.explain([(run, seed) for seed in list_chosen_seeds(study, block, run)], block.parts)


def _explain_seed(study: Study, lacks: Lacks, block: Block, seed: int) -> Cause | None:
    return lacks.explain([(run, seed) for run in study.list_trained() if run in block.runs], block.parts)


def _explain_noise(study: Study, lacks: Lacks, block: Block) -> Cause | None:
    """Return why no repeated evaluation is shown: its arm is left out, or it is not whole itself."""
    run = study.spec["noise"]["run"]
    seed = study.list_seeds(run)[0]
    if run not in block.runs:
        return _explain_run(study, lacks, block, run)
    if seed not in list_chosen_seeds(study, block, run):
        return _explain_seed(study, lacks, block, seed)
    return lacks.explain_repeats(block.tasks)


def _word(kind: str, job: str, reason: str) -> str:
    said = {"failed": "failed: ", "changed": "must run again: ", "unmade": "has not run yet"}[kind]
    return f"{job} {said}{reason}".rstrip(".") + "."
