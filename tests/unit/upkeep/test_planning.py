"""What would run now and why, on one screen."""

from types import SimpleNamespace

import pytest

from tests.unit.config.default_config import load, merge
from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.upkeep.planning import Job, describe_job, explain_reason, label_jobs, list_notes, render_plan

RUNS, TASKS = ("base", "lora", "prefix", "warmstart", "grpo"), ("support", "sums")
REPORT = "results/report.html"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def job(rule, causes=(), runs=True, **wildcards):
    name = "_".join([rule, *wildcards.values()])
    log = f"results/logs/{rule}/{name}.log"
    return Job(rule, wildcards, log, None, (), (f"results/{name}",), (), True, runs, tuple(causes))


def reason(missing=(), updated=(), by_jobs=(), params=None, forced=False, regrouped=False):
    """What Snakemake says of a job, as far as a plan looks at it."""
    return SimpleNamespace(
        missing_output=set(missing),
        updated_input={*updated, *by_jobs},
        updated_input_run=set(by_jobs),
        params_changed=params and SimpleNamespace(only_old=set(params[0]), only_new=set(params[1])),
        input_changed=regrouped,
        forced=forced,
    )


def study(seeds, causes):
    """All jobs of a study of five runs and two tasks, as the default one has them."""
    arms = [("base", "0")] + [(run, seed) for run in RUNS[1:] for seed in seeds]
    jobs = [job("fetch_model", causes, model="smollm2")]
    jobs += [job(rule, causes, dataset=task) for task in TASKS for rule in ("fetch_dataset", "prepare_dataset")]
    jobs += [job("measure_tokens", causes, dataset=task, model="smollm2") for task in TASKS]
    for run, seed in arms[1:]:
        jobs.append(job("train_grpo" if run == "grpo" else "train_sft", causes, run=run, seed=seed))
        jobs.append(job("render_model_card", causes, run=run, seed=seed, artefact="adapter"))
    evaluations = ("generate_answers", "score_answers", "measure_loss")
    jobs += [
        job(rule, causes, run=run, seed=seed, task=task) for run, seed in arms for task in TASKS for rule in evaluations
    ]
    others = ("compare_methods", "plot_tasks", "plot_learning_curves", "plot_rewards", "render_report")
    return jobs + [job(rule, causes) for rule in others]


def test_nothing_to_do_is_one_sentence():
    assert (
        render_plan([job("render_report", runs=False)], REPORT) == "Nothing to do: results/report.html is up to date."
    )


@pytest.mark.parametrize(("seeds", "count"), [(("1",), 50), (("1", "2", "3"), 114)])
def test_a_whole_study_fits_a_screen(seeds, count):
    jobs = study(seeds, ["not made yet"])
    for one in jobs:
        write_card(one.log)
    lines = render_plan(jobs, REPORT).splitlines()
    assert lines[0] == f"What would run now for results/report.html, and why ({count} jobs):"
    assert len(jobs) == count
    assert lines.count("not made yet") == 1
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100


def test_a_cause_and_what_follows_from_it():
    jobs = [
        job("train_sft", ["runs.lora.adapter.r: 8 → 16"], run="lora", seed="1"),
        job("plot_rewards", ["runs.lora.adapter.r: 8 → 16"]),
        *(job("score_answers", run="lora", seed="1", task=task) for task in TASKS),
        job("score_answers", run="base", seed="0", task="sums", runs=False),
        job("render_report"),
    ]
    write_card(jobs[0].log)
    write_card(jobs[4].log, seconds=20.0, peak_memory_bytes=5_000_000)
    assert render_plan(jobs, REPORT).replace("\u202f", " ").splitlines() == [
        "What would run now for results/report.html, and why (5 jobs):",
        "",
        "runs.lora.adapter.r: 8 → 16",
        "  train_sft lora · seed 1                                       2 min 04 s, 3.1 GB last time",
        "  plot_rewards                                                  time unknown",
        "",
        "and then, because of these",
        "  score_answers ×2: lora · seed 1 · sums, support               about 40.0 s, 5.0 MB",
        "  render_report                                                 time unknown",
        "",
        "Together about 2 min 44 s of work, and 2 jobs of unknown length; less where jobs run side by side,",
        "or where equal work was kept.",
    ]


def test_a_first_run_shows_no_column_of_unknown_times():
    lines = render_plan(study(["1"], ["not made yet"]), REPORT).splitlines()
    assert "  fetch_model smollm2" in lines
    assert lines[-1] == "How long it takes is not known before a first run."


def test_many_causes_are_cut_with_a_count_and_the_command_that_lists_all():
    jobs = [job("train_sft", [f"runs.run{number}.x: 1 → 2"], run=f"run{number}", seed="1") for number in range(30)]
    lines = render_plan(jobs, REPORT).splitlines()
    assert len(lines) <= 40
    assert "… and 19 jobs for 19 more reasons; `snakemake --dry-run` lists all" in lines
    assert sum(line.startswith("  train_sft") for line in lines) == 11


def test_many_changes_of_one_job_are_cut_with_a_count():
    lines = render_plan(
        [job("train_sft", [f"x{n}: 1 → 2" for n in range(9)], run="lora", seed="1")], REPORT
    ).splitlines()
    assert lines[2:8] == [*(f"x{n}: 1 → 2" for n in range(4)), "and 5 more changes", "  train_sft lora · seed 1"]


def test_jobs_of_a_rule_go_by_one_name():
    assert label_jobs([job("render_report")]) == "render_report"
    assert label_jobs([job("draw_samples", samples=name) for name in "abcd"]) == "draw_samples ×4: 4 samples"
    assert label_jobs([job("fetch_model", model="tiny")]) == "fetch_model tiny"
    jobs = [job("score_answers", run=run, seed="1", task="sums") for run in RUNS]
    assert label_jobs(jobs) == "score_answers ×5: 5 runs · seed 1 · sums"
    jobs = [job("train_sft", run="lora", seed=seed) for seed in ("10", "2", "1")]
    assert label_jobs(jobs) == "train_sft ×3: lora · seeds 1, 2, 10"


def test_an_output_that_never_was_is_not_made_yet_and_one_of_several_is_missing():
    assert explain_reason(reason(missing=["a", "b"]), ["a", "b"]) == ["not made yet"]
    write_file("b")
    assert explain_reason(reason(missing=["a"]), ["a", "b"]) == ["a is missing"]
    assert explain_reason(reason(missing=["c", "a"]), ["a", "b", "c"]) == ["a, c are missing"]


def test_a_changed_setting_is_told_old_and_new():
    params = (["'runs.lora.adapter.r = 8'"], ["'runs.lora.adapter.r = 16'"])
    assert explain_reason(reason(params=params), ["a"]) == ["runs.lora.adapter.r: 8 → 16"]


def test_changed_inputs_are_named_and_those_that_another_job_makes_are_not():
    found = reason(updated=["reports/report.css"], by_jobs=["results/x.json"])
    assert explain_reason(found, ["a"]) == ["reports/report.css changed"]
    assert explain_reason(reason(by_jobs=["results/x.json"]), ["a"]) == []


def test_a_job_that_did_not_end_was_interrupted():
    assert explain_reason(reason(forced=True), ["a"]) == ["interrupted last time"]


def test_another_list_of_inputs_is_told_only_if_no_setting_tells_it():
    assert explain_reason(reason(regrouped=True), ["a"]) == ["takes other files than last time"]
    params = (["'study.runs = [\\'a\\']'"], ["'study.runs = []'"])
    assert explain_reason(reason(regrouped=True, params=params), ["a"]) == ['study.runs: ["a"] → []']


def test_a_reason_of_another_kind_is_told_in_snakemakes_words():
    class Other(SimpleNamespace):
        def __str__(self):
            return "Software environment definition has changed"

    found = Other(**vars(reason()))
    assert explain_reason(found, ["a"]) == ["Software environment definition has changed"]


def test_a_job_of_snakemake_is_taken_over_with_its_facts_only():
    theirs = SimpleNamespace(
        rule=SimpleNamespace(name="train_sft"),
        wildcards_dict={"run": "lora", "seed": "1"},
        log=["results/logs/train/lora_seed1.log"],
        benchmark=None,
        input=["in"],
        output=["out"],
        params=SimpleNamespace(facts=["a = 1"], work="work/downloads"),
    )
    ours = describe_job(theirs, reason(missing=["out"]), known=False, runs=True)
    assert ours.facts == ("a = 1",)
    assert ours.causes == ("not made yet",)
    assert describe_job(theirs, reason(missing=["out"]), known=True, runs=False).causes == ()


def tell(*overlays):
    return list(list_notes(load(*overlays), merge(*overlays)))


def test_epochs_beside_an_inherited_number_of_steps_are_told_to_be_unused():
    (note,) = tell({"runs": {"lora": {"training": {"num_train_epochs": 3}}}})
    assert note.startswith("runs.lora.training: max_steps (60) goes before num_train_epochs (3), which is not used;")
    assert tell({"runs": {"lora": {"training": {"num_train_epochs": 3, "max_steps": -1}}}}) == []
    assert tell() == []


def test_reinforcement_learning_that_will_be_starved_is_told_before_it_is_trained():
    few = {"max_steps": 20, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 2}
    assert tell({"runs": {"grpo": {"training": few}}}) == [
        "runs.grpo.training: 320 completions, 16 a step, are too few to expect an effect\n"
        "(fewer than 1,500 in all; fewer than 32 a step);\n"
        "raise max_steps, or per_device_train_batch_size × gradient_accumulation_steps."
    ]
    assert tell({"runs": {"grpo": {"training": few | {"max_steps": -1}}}}) == []  # how many is not known yet


@pytest.mark.parametrize(("rows", "told"), [(400, True), (200, False), ("train", False)])
def test_more_drawn_answers_beside_it_are_told_where_the_config_has_their_number(rows, told):
    training = {"max_steps": 40, "per_device_train_batch_size": 8}
    drawn = {
        "samples": {"selfplay": {"run": "warmstart", "dataset": "sums", "rows": rows, "samples": 8}},
        "runs": {
            "rft": {
                **{"method": "sft", "label": "RFT", "model": "smollm2", "init_from": "warmstart"},
                **{"samples": "selfplay", "training": training},
            }
        },
        "study": {"runs": [*RUNS, "rft"]},
    }
    notes = tell(drawn)
    assert [note.splitlines()[1] for note in notes] == ["(fewer than the drawn answers of rft (3,200));"] * told
