"""Of Snakemake's messages people get what they need, and all of them lie in its log."""

import io
import logging
from types import SimpleNamespace

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from tests.unit.jobs.card_factory import write_card
from tunelab.watching import display
from tunelab.watching.display import Display, list_planned, watch_study

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
    )


@pytest.fixture
def shown(workflow):
    """A display, and a function that gives it one of Snakemake's messages and returns what was printed then."""
    usual = ColorizingTextHandler(stream=(stream := io.StringIO()), formatter=DefaultFormatter())
    handler = Display(workflow, usual)

    def show(text, event=None, level=logging.INFO, **more):
        before = len(stream.getvalue())
        handler.handle(logging.makeLogRecord({"msg": text, "event": event, "levelno": level, **more}))
        return stream.getvalue()[before:].replace("\u202f", " ")

    yield show
    handler.close()


def test_before_jobs_run_only_lists_are_left_out(shown):
    assert shown("Building DAG of jobs...") == "Building DAG of jobs...\n"
    assert shown("Creating conda environment envs/train.yaml...") == "Creating conda environment envs/train.yaml...\n"
    for event in (LogEvent.WORKFLOW_STARTED, LogEvent.RESOURCES_INFO, LogEvent.RUN_INFO):
        assert shown("a list", event) == ""


def test_while_jobs_run_warnings_and_errors_are_shown_and_the_rest_is_told_in_a_line(shown):
    assert shown("Execute 1 jobs...", LogEvent.JOB_STARTED, jobs=[1]) == "2 jobs to do\n"
    assert shown("Rule: train_sft", LogEvent.JOB_INFO, jobid=1) == "start   train_sft prefix 1\n"
    assert shown("Shell command: None", LogEvent.SHELLCMD) == ""
    assert shown("a warning", level=logging.WARNING) == "a warning\n"
    assert shown("MissingOutputException: a file", LogEvent.ERROR, logging.ERROR, exception="MissingOutputException")
    assert shown("Finished jobid: 1", LogEvent.JOB_FINISHED, job_id=1).startswith("done    train_sft prefix 1, ")
    assert shown(None, LogEvent.PROGRESS, done=1, total=3) == shown("Select jobs to execute...") == ""
    assert shown("Execute 1 jobs...", LogEvent.JOB_STARTED, jobs=[3]) == ""
    assert shown("localrule all", LogEvent.JOB_INFO, jobid=3) == ""
    assert shown("Finished jobid: 3", LogEvent.JOB_FINISHED, job_id=3) == ""
    assert shown("Complete log(s): a.log") == "Complete log(s): a.log\n"


def test_a_failed_job_is_told_once(shown):
    shown("Execute 1 jobs...", LogEvent.JOB_STARTED, jobs=[1])
    shown("Rule: train_sft", LogEvent.JOB_INFO, jobid=1)
    end = "RuleException:\nCalledProcessError in file rules/train.smk"
    assert shown(end, LogEvent.ERROR, logging.ERROR, exception="RuleException") == ""
    failed = shown("Error in rule", LogEvent.JOB_ERROR, logging.ERROR, jobid=1)
    assert failed.startswith("failed  train_sft prefix 1, ") and "log: results/logs/train_sft/prefix_1.log" in failed


def test_after_ctrl_c_jobs_are_stopped(shown):
    shown("Execute 1 jobs...", LogEvent.JOB_STARTED, jobs=[1])
    shown("Rule: train_sft", LogEvent.JOB_INFO, jobid=1)
    assert shown("Terminating processes on user request, this might take some time.")
    assert shown("Error in rule", LogEvent.JOB_ERROR, logging.ERROR, jobid=1).startswith("stopped train_sft prefix 1, ")


def test_planned_are_the_jobs_that_need_to_run_with_what_is_known_of_them(workflow):
    write_card("results/logs/train_sft/lora_1.log")
    planned = list_planned(workflow)
    assert [job.title for job in planned.values()] == ["train_sft prefix 1", "render_report"]
    assert [job.seconds for job in planned.values()] == [124.0, None]
    assert planned[1].claims == {"_cores": 0.5}
    assert planned[2].causes == {1}


def test_a_broken_card_leaves_the_lengths_unknown(workflow):
    write_card("results/logs/train_sft/lora_1.log").write_text("{")
    assert [job.seconds for job in list_planned(workflow).values()] == [None, None]


@pytest.fixture
def handlers(monkeypatch):
    """The handlers of Snakemake's messages, as it sets them up: for the terminal, and for its log."""
    names = ("DefaultStreamHandler", "DefaultLogFileHandler")
    handlers = [ColorizingTextHandler(stream=io.StringIO()), logging.NullHandler()]
    for handler, name in zip(handlers, names, strict=True):
        handler.name = name
    monkeypatch.setattr(display.logger, "handlers", handlers)
    return handlers


def test_the_display_takes_the_place_of_the_usual_handler_and_leaves_the_log_alone(workflow, handlers):
    _, log = handlers
    watch_study(workflow)
    assert display.logger.handlers[0] is log
    assert isinstance(display.logger.handlers[1], Display)


def test_a_display_that_breaks_gives_its_place_back(workflow, handlers, monkeypatch, capsys):
    monkeypatch.setattr(display, "list_planned", lambda workflow: 1 / 0)
    usual, log = handlers
    watch_study(workflow)
    display.logger.error("Execute 1 jobs...", extra={"event": LogEvent.JOB_STARTED, "jobs": [1]})
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert display.logger.handlers == [log, usual]


@pytest.mark.parametrize("asked", QUIET)
def test_who_asks_for_other_output_gets_snakemakes_own(workflow, handlers, asked):
    setattr(workflow.output_settings, asked, True)
    before = list(handlers)
    watch_study(workflow)
    assert display.logger.handlers == before


def test_a_job_that_a_cluster_starts_has_no_display(workflow, handlers):
    workflow.is_main_process, before = False, list(handlers)
    watch_study(workflow)
    assert display.logger.handlers == before
