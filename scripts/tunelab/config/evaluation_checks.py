"""Judge what contradicts what in the sections that say what is measured: drift, noise and sampled answers."""

from collections.abc import Iterator
from pathlib import Path

from tunelab.config.drafts import Draft, Problem
from tunelab.config.wording import refuse_value, show
from tunelab.values import list_names

Found = Iterator[Problem]
# what shapes a drawn token, and what asks for nothing
DRAWN = {"temperature": 1.0, "top_p": 1.0, "top_k": 0}


def _check_repeated_run(config: Draft) -> Found:
    if config.noise is None:
        return
    name, runs = config.noise.run, config.study.runs
    if name not in runs:
        listed = list_names(runs, quoted=False)
        text = f"{show(name)} is not in study.runs; take a run of the study ({listed}), or set noise to null"
        yield Problem(("noise", "run"), text)


def _check_texts(config: Draft) -> Found:
    if config.drift is None:
        return
    named: dict[str, str] = {}
    for file in config.drift.texts:
        if (stem := Path(file).stem) in named:
            text = (
                f"{show(named[stem])} and {show(file)} have one name; the report tells texts apart by it, so rename one"
            )
            yield Problem(("drift", "texts"), f"{show(file)} is listed twice" if named[stem] == file else text)
        named[stem] = file


def _check_sampling(config: Draft, path: tuple, task: Draft) -> Found:
    if task.sampling is not None and task.kind != "maths":
        yield Problem((*path, "sampling"), f"only maths has answers to count (the kind is {task.kind}); set it to null")


def _check_draws(config: Draft, path: tuple, task: Draft) -> Found:
    if task.sampling is None:
        return
    here, counts = (*path, "sampling", "k"), list(task.sampling.k)
    if counts != sorted(set(counts)):
        yield Problem(here, refuse_value("must rise from number to number", counts))
    if max(counts) > task.sampling.samples:
        text = f"must not be above the number of samples (got {max(counts)} and {task.sampling.samples})"
        yield Problem(here, text)
    if task.sampling.rows == 1 and len(config.study.runs) > 1:
        yield Problem((*path, "sampling", "rows"), "one row compares no runs; raise it, or set it to null for all")


def _check_decoding(config: Draft, path: tuple, task: Draft) -> Found:
    """See that what shapes the draw of a token is not asked for where the likeliest one is taken."""
    generation = task.generation
    if generation.do_sample or "do_sample" in generation.given:
        return
    for field, neutral in DRAWN.items():
        if field in generation.given and generation[field] != neutral:
            text = "does nothing without do_sample: true; write that, or leave it out"
            yield Problem((*path, "generation", field), text)


EVALUATION_CHECKS = (_check_repeated_run, _check_texts)
TASK_CHECKS = (_check_sampling, _check_draws, _check_decoding)
