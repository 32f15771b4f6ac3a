"""A repeated evaluation is work of its own: equal work that was done before never takes its place."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.study_copy import copy_project, run_snakemake
from tunelab.jobs.jobcards import build_key

# stands at the end of the seam between Snakemake and the library, and makes every output tell what its job was given
STUB = """
import json
from pathlib import Path


def run_as_job(main, job, network=False, keep=False):
    facts = job.params.facts
    sizes = [getattr(dict(job.params.items()).get("spec"), "batch_size", None), job.params.get("batch_size")]
    sizes.append(job.params.get("first"))
    told = {"rule": job.rule, "facts": facts, "sizes": sizes, "keep": keep, "input": list(job.input)}
    for path in map(Path, job.output):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told)) if path.suffix else path.mkdir(exist_ok=True)
"""
ANSWERS = {
    "own": "results/smoke/runs/base/seed0/sums/answers.jsonl",
    "again": "results/smoke/noise/again/sums/answers.jsonl",
    "rebatched": "results/smoke/noise/rebatched/sums/answers.jsonl",
}
LOSSES = {name: path.replace("answers", "losses") for name, path in ANSWERS.items()}


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, dict[str, dict]]:
    """What the jobs of a run's own evaluation and of its repeats were given."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    with open(folder / "scripts/tunelab/jobs/job.py", "a", encoding="utf-8") as seam:
        seam.write(STUB)
    targets = [*ANSWERS.values(), *LOSSES.values()]
    run_snakemake(
        folder, "--cores", "2", *targets, "--configfile", "config/smoke.yaml", "--config", "noise={run: base, rows: 3}"
    )
    return {
        kind: {name: json.loads(Path(folder, path).read_text(encoding="utf-8")) for name, path in paths.items()}
        for kind, paths in (("answers", ANSWERS), ("losses", LOSSES))
    }


@pytest.mark.parametrize("kind", ["answers", "losses"])
def test_a_repeat_is_kept_under_a_key_of_its_own_even_under_the_first_jobs_rule(told, kind):
    jobs = told[kind].values()
    assert all(job["keep"] for job in jobs)
    assert len({tuple(job["input"]) for job in jobs}) == 1
    same = SimpleNamespace(rule="one rule", wildcards={"run": "base", "seed": "0", "task": "sums"}, input={})
    assert len({build_key(same, job["facts"], {}) for job in jobs}) == 3


@pytest.mark.parametrize("kind", ["answers", "losses"])
def test_only_the_repeat_tells_it_from_the_runs_own_evaluation(told, kind):
    own, again, rebatched = (set(told[kind][name]["facts"]) for name in ANSWERS)
    size = {"answers": 64, "losses": 8}[kind]
    assert (again - own, own - again) == ({f"noise.again = 3 rows by {size}"}, set())
    assert (rebatched - own, own - rebatched) == ({"noise.rebatched = 3 rows by 4"}, set())
    assert len(own) > 5


def test_the_second_repeat_alone_comes_in_other_batches(told):
    sizes = {kind: [told[kind][name]["sizes"] for name in ANSWERS] for kind in told}
    assert sizes == {
        "answers": [[64, None, None], [64, None, 3], [4, None, 3]],
        "losses": [[None, 8, None], [None, 8, 3], [None, 4, 3]],
    }
