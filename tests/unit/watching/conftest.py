from types import SimpleNamespace

import pytest

QUIET = ("dryrun", "quiet", "verbose", "debug_dag", "printshellcmds", "show_failed_logs")


class Job(SimpleNamespace):
    __hash__ = object.__hash__


def build_job(rule, *causes, **wildcards):
    name = "_".join(wildcards.values())
    return Job(
        rule=SimpleNamespace(name=rule),
        wildcards_dict=wildcards,
        log=[f"results/logs/{rule}/{name}.log"] if rule != "all" else [],
        benchmark=None,
        scheduler_resources={"_cores": 1, "_nodes": 1, "gpu": 0, "tmpdir": "/tmp"},
        causes=causes,
    )


@pytest.fixture
def workflow(tmp_path, monkeypatch):
    """A study of which one training is finished, and another and the page are to be made."""
    monkeypatch.chdir(tmp_path)
    made = build_job("train_sft", run="lora", seed="1")
    job = build_job("train_sft", made, run="prefix", seed="1")
    page = build_job("render_report", job)
    jobs = [made, job, page, build_job("all", page)]
    dag = SimpleNamespace(
        jobs=jobs,
        needrun=lambda job: job is not made,
        jobid=jobs.index,
        dependencies={job: job.causes for job in jobs},
    )
    return SimpleNamespace(
        dag=dag,
        scheduler=SimpleNamespace(global_resources={"_cores": 2, "_nodes": 2**63 - 1, "gpu": 0}),
        output_settings=SimpleNamespace(**dict.fromkeys(QUIET)),
        is_main_process=True,
        globals={"RESULTS": "results"},
    )
