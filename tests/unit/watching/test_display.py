"""The terminal shows the messages that people need, and Snakemake's log has all of them."""

import io
import logging

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from tests.unit.jobs.card_factory import write_card
from tunelab.jobs.snakemake_internals import describe_jobs
from tunelab.watching import display
from tunelab.watching.display import Display, Journal, watch_study
from tunelab.watching.timeleft import plan_times

QUIET = ("quiet", "verbose", "debug_dag", "printshellcmds", "show_failed_logs")


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


def test_whoever_looks_ends_with_the_display(workflow):
    handler = Display(workflow, ColorizingTextHandler(stream=io.StringIO(), formatter=DefaultFormatter()))
    handler.close()
    handler._keep_looking()  # at the end of the process its thread may come to this after everything is closed


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
    planned = plan_times(describe_jobs(workflow))
    assert [job.title for job in planned.values()] == ["train_sft prefix 1", "render_report"]
    assert [job.seconds for job in planned.values()] == [124.0, None]
    assert planned[1].claims == {"_cores": 0.5}
    assert planned[2].causes == {1}


def test_a_broken_card_leaves_the_lengths_unknown(workflow):
    write_card("results/logs/train_sft/lora_1.log").write_text("{")
    assert [job.seconds for job in plan_times(describe_jobs(workflow)).values()] == [None, None]


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
    assert list(map(type, display.logger.handlers[1:])) == [Journal, Display]


def test_a_display_that_breaks_gives_its_place_back(workflow, handlers, monkeypatch, capsys):
    monkeypatch.setattr(display, "describe_jobs", lambda workflow: 1 / 0)
    usual, log = handlers
    watch_study(workflow)
    display.logger.error("Execute 1 jobs...", extra={"event": LogEvent.JOB_STARTED, "jobs": [1]})
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert [handler for handler in display.logger.handlers if not isinstance(handler, Journal)] == [log, usual]


@pytest.mark.parametrize("asked", QUIET)
def test_who_asks_for_other_output_gets_snakemakes_own(workflow, handlers, asked):
    setattr(workflow.output_settings, asked, True)
    before = list(handlers)
    watch_study(workflow)
    assert display.logger.handlers[:-1] == before and isinstance(display.logger.handlers[-1], Journal)


def test_a_dry_run_has_neither_display_nor_journal(workflow, handlers):
    workflow.output_settings.dryrun, before = True, list(handlers)
    watch_study(workflow)
    assert display.logger.handlers == before


def test_a_job_that_a_cluster_starts_has_no_display(workflow, handlers):
    workflow.is_main_process, before = False, list(handlers)
    watch_study(workflow)
    assert display.logger.handlers == before
