from types import SimpleNamespace

import pytest
from snakemake.jobs import Job

from tunelab.jobs.provenance import Facts
from tunelab.jobs.snakemake_internals import compare_facts_alone


@pytest.fixture
def compared(monkeypatch):
    """Return a function that tells what Snakemake compares of a job with such params."""
    monkeypatch.setattr(Job, "non_derived_params", Job.non_derived_params)  # and puts it back
    compare_facts_alone()
    compare_facts_alone()  # as where two workflows of a process include the project
    return lambda **params: list(
        Job.non_derived_params.fget(SimpleNamespace(params=params, _non_derived_params=[*params.values()]))
    )


def test_of_a_job_with_facts_each_fact_is_compared_and_nothing_else(compared):
    facts = Facts(["runs.lora.adapter.r = 8", "seed = 1"])
    assert compared(facts=facts, study={"title": "A"}) == ["runs.lora.adapter.r = 8", "seed = 1"]


def test_jobs_of_other_workflows_are_compared_as_ever(compared):
    assert compared(depth=3) == [3]
    assert compared(facts=["a list of theirs"], depth=3) == [["a list of theirs"], 3]
