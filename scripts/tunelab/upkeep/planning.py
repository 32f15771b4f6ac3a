"""Render the plan of a study on one screen: what would run now, why, and what it took last time."""

import ast
import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.comparison.budgets import LEAST_COMPLETIONS, LEAST_OF_STEP, list_learners, list_shortages
from tunelab.config.complete import Config
from tunelab.config.completions import count_completions, count_of_step
from tunelab.config.methods import REWARDED
from tunelab.config.selection import describe_left_out
from tunelab.config.study import Study, has_unused_epochs
from tunelab.reporting.notation import format_seconds
from tunelab.upkeep.resources import find_spending, render_spending
from tunelab.values import cut, list_names

VALUE_WIDTH = 40
SECTION_LIMIT = 3  # settings of one section that were added or removed are named one by one up to this number
FILES_LIMIT = 3
CAUSE_LIMIT = 4  # sentences per group of jobs
LINE_LIMIT = 22  # lines of causes and their jobs, so that all fits on a screen
NAME_LIMIT = 3  # values of a wildcard that are listed; more are only counted
LABEL_WIDTH = 60


def describe_changes(before: Iterable[str], now: Iterable[str]) -> list[str]:
    """List what changed between the facts of a result and those of now (see `jobs.provenance`).

    Settings come first (`runs.lora.adapter.r: 8 → 16`), then packages, then code.
    """
    old, new = (_read_facts(set(facts) - set(others)) for facts, others in ((before, now), (now, before)))
    names = list(dict.fromkeys([*old, *new]))
    code = [name.removeprefix("code ") for name in names if name.startswith("code ")]
    packages = [name for name in names if name.startswith("package ")]
    settings = [name for name in names if name not in packages and not name.startswith("code ")]
    return [
        *_describe_settings(old, new, sorted(settings)),
        *(f"{name}: {old.get(name, 'none')} → {new.get(name, 'none')}" for name in sorted(packages)),
        *_describe_code(sorted(code)),
    ]


def read_params(printed: Iterable[str]) -> list[str]:
    """Return the texts among params, which Snakemake records as Python prints them."""
    return [ast.literal_eval(text) for text in printed if text[:1] in ("'", '"')]


def _read_facts(facts: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (fact.partition(" = ") for fact in facts) if name}


def _describe_settings(old: dict, new: dict, names: list[str]) -> list[str]:
    changed = [name for name in names if name in old and name in new]
    return [
        *(_describe_setting(name, old[name], new[name]) for name in changed),
        *_describe_one_sided([name for name in names if name not in old], new, "not set → {value}", "new settings"),
        *_describe_one_sided([name for name in names if name not in new], old, "{value} → not set", "settings gone"),
    ]


def _describe_setting(name: str, old: str, new: str) -> str:
    before, after = render_value(old), render_value(new)
    return f"{name}: {before} → {after}" if before != after else f"{name} was edited"


def _describe_one_sided(names: list[str], values: dict, pattern: str, noun: str) -> list[str]:
    """Name settings that only one side has; many of one section, such as a run's, become one sentence."""
    sections: dict[str, list[str]] = {}
    for name in names:
        sections.setdefault(".".join(name.split(".")[:2]), []).append(name)
    lines = []
    for section, members in sections.items():
        if len(members) > SECTION_LIMIT:
            lines.append(f"{section}: {len(members)} {noun}")
        else:
            lines += [f"{name}: {pattern.format(value=render_value(values[name]))}" for name in members]
    return lines


def _describe_code(files: list[str]) -> list[str]:
    if not files:
        return []
    named, verb = list_names(files, quoted=False, most=FILES_LIMIT), "was" if len(files) == 1 else "were"
    return [f"{named} {verb} edited"]


def render_value(text: str) -> str:
    """Write a fact's value as in YAML, cut to `VALUE_WIDTH`."""
    with contextlib.suppress(ValueError, SyntaxError):  # nan and inf have no literal
        text = json.dumps(ast.literal_eval(text), ensure_ascii=False)
    return cut(text, VALUE_WIDTH)


@dataclass(frozen=True)
class Job:
    """A job of the study as Snakemake sees it now; `causes` is empty if it runs only because others do."""

    rule: str
    wildcards: dict[str, str]
    log: str
    benchmark: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    facts: tuple[str, ...]
    known: bool  # whether Snakemake has records of what made its outputs
    runs: bool
    causes: tuple[str, ...] = ()


def describe_job(job: Any, reason: Any, known: bool, runs: bool) -> Job:
    """Describe a job of Snakemake with its reason to run as a `Job`."""
    return Job(
        rule=job.rule.name,
        wildcards=dict(job.wildcards_dict),
        log=str(job.log[0]),
        benchmark=str(job.benchmark) if job.benchmark else None,
        inputs=tuple(map(str, job.input)),
        outputs=tuple(map(str, job.output)),
        facts=tuple(job.params.facts),
        known=known,
        runs=runs,
        causes=tuple(explain_reason(reason, list(map(str, job.output)))) if runs else (),
    )


def explain_reason(reason: Any, outputs: list[str]) -> list[str]:
    """Put Snakemake's own reason for a job into words; an empty list if it runs only because other jobs do."""
    causes, missing = [], sorted(map(str, reason.missing_output))
    if reason.forced:  # in a plan, only jobs that were interrupted are forced
        causes.append("interrupted last time")
    elif missing and not any(Path(path).exists() for path in outputs):
        causes.append("not made yet")
    elif missing:
        causes.append(
            f"{list_names(missing, quoted=False, most=NAME_LIMIT)} {'is' if len(missing) == 1 else 'are'} missing"
        )
    if updated := sorted(map(str, reason.updated_input - reason.updated_input_run)):
        causes.append(f"{list_names(updated, quoted=False, most=NAME_LIMIT)} changed")
    if reason.params_changed:
        causes += describe_changes(*map(read_params, (reason.params_changed.only_old, reason.params_changed.only_new)))
    if reason.input_changed and not causes:
        causes.append("takes other files than last time")
    return causes or ([] if reason.updated_input_run else [str(reason)])


def render_plan(jobs: list[Job], target: str) -> str:
    """Render the jobs that would run, grouped by their causes; `jobs` also holds the others, to estimate times."""
    planned = [job for job in jobs if job.runs]
    if not planned:
        return f"Nothing to do: {target} is up to date."
    spent = find_spending((job.rule, job.log, job.benchmark) for job in jobs)
    causes: dict[tuple[str, ...], list[Job]] = {}
    for job in planned:
        if job.causes:
            causes.setdefault(job.causes, []).append(job)
    blocks = [_render_group(group, members, spent) for group, members in causes.items()]
    lines = [f"What would run now for {target}, and why ({_count(planned)}):"]
    shown = 0
    while shown < len(blocks) and (not shown or sum(map(len, blocks[: shown + 1])) <= LINE_LIMIT):
        lines += ["", *blocks[shown]] if len(blocks) <= NAME_LIMIT else blocks[shown]
        shown += 1
    if left := [job for members in list(causes.values())[shown:] for job in members]:
        lines.append(f"… and {_count(left)} for {len(blocks) - shown} more reasons; `snakemake --dry-run` lists all")
    if following := [job for job in planned if not job.causes]:
        lines += ["", "and then, because of these", *_render_rules(following, spent)]
    return "\n".join([*lines, "", _render_total(planned, spent)])


def list_notes(config: Config, raw: dict[str, Any]) -> Iterator[str]:
    """Yield sentences about parts of the merged config (`raw`) that are ignored, unused settings, and starved runs."""
    yield from describe_left_out(raw, config)
    for name in config.study.runs:
        training = getattr(config.runs[name], "training", {})
        if has_unused_epochs(training):
            epochs, steps = training["num_train_epochs"], training["max_steps"]
            yield (
                f"runs.{name}.training: max_steps ({steps}) goes before num_train_epochs ({epochs:g}), which is not "
                "used;\nto train for epochs, set max_steps: -1."
            )
    yield from _describe_starved(Study(config.describe_study()))


def _describe_starved(study: Study) -> Iterator[str]:
    """Yield a sentence for each run that will draw too few completions, if the config alone tells how many."""
    planned = {run: study.run(run)["training"].get("max_steps", -1) for run in study.list_runs(*REWARDED)}
    answers = {run: count_completions(study.run(run), steps) for run, steps in planned.items() if steps > 0}
    learnt = {run: study.spec["samples"][study.run(run)["samples"]] for run in study.list_learners()}
    known = {run: entry["rows"] * entry["samples"] for run, entry in learnt.items() if entry["rows"] != "train"}
    for run, completions in answers.items():
        of_step, learners = count_of_step(study.run(run)), list_learners(study, run, answers | known)
        others = list_names([f"{row.run} ({row.answers:,})" for row in learners], quoted=False)
        reasons = {
            "completions": f"fewer than {LEAST_COMPLETIONS:,} in all",
            "of_step": f"fewer than {LEAST_OF_STEP} a step",
            "learners": f"fewer than the drawn answers of {others}",
        }
        if shortages := list_shortages(completions, of_step, learners):
            yield (
                f"runs.{run}.training: {completions:,} completions, {of_step:,} a step, are too few to expect an "
                f"effect\n({'; '.join(reasons[name] for name in shortages)});\nraise max_steps, or "
                "per_device_train_batch_size × gradient_accumulation_steps."
            )


def _render_group(causes: tuple[str, ...], jobs: list[Job], spent: dict) -> list[str]:
    more = [f"and {len(causes) - CAUSE_LIMIT} more changes"] if len(causes) > CAUSE_LIMIT else []
    return [*causes[:CAUSE_LIMIT], *more, *_render_rules(jobs, spent)]


def _render_rules(jobs: list[Job], spent: dict) -> list[str]:
    """Render one line per rule, with the sum of its jobs."""
    rules: dict[str, list[Job]] = {}
    for job in jobs:
        rules.setdefault(job.rule, []).append(job)
    if not any(spent.values()):
        return [f"  {label_jobs(members)}" for members in rules.values()]
    return [
        f"  {label_jobs(members):<{LABEL_WIDTH}}  {render_spending([spent[job.log] for job in members])}"
        for members in rules.values()
    ]


def label_jobs(jobs: list[Job]) -> str:
    """Name jobs of one rule: `train_sft lora · seed 1`, or `score_answers ×10: 5 runs · seeds 0, 1 · sums`."""
    wildcards = [_label_wildcard(name, jobs) for name in jobs[0].wildcards]
    count = f" ×{len(jobs)}:" if len(jobs) > 1 else ""
    return " ".join([jobs[0].rule + count, " · ".join(wildcards)]).rstrip(": ")


def _label_wildcard(name: str, jobs: list[Job]) -> str:
    values = sorted({job.wildcards[name] for job in jobs}, key=lambda value: (value.isdigit() and int(value), value))
    if len(values) > NAME_LIMIT:
        return f"{len(values)} {name.removesuffix('s')}s"
    prefix = {"seed": "seed " if len(values) == 1 else "seeds "}.get(name, "")
    return prefix + ", ".join(values)


def _render_total(jobs: list[Job], spent: dict) -> str:
    known = [one for one in (spent[job.log] for job in jobs) if one]
    if not known:
        return "How long it takes is not known before a first run."
    total = format_seconds(sum(one.seconds for one in known))
    more = f", and {len(jobs) - len(known)} jobs of unknown length" if len(known) < len(jobs) else ""
    return f"Together about {total} of work{more}; less where jobs run side by side,\nor where equal work was kept."


def _count(jobs: list[Job]) -> str:
    return f"{len(jobs)} job{'s' if len(jobs) > 1 else ''}"
