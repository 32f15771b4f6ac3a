"""The workflow as a module of another one: its rules under other names, below a prefix, with a config of its own."""

import json

import pytest

from tests.study_copy import PROJECT, call_snakemake, copy_project, plan, run_snakemake, run_stubs

SMOKE = "yaml.safe_load(open(f'{PROJECT}/config/smoke.yaml', encoding='utf-8'))"


def write_workflow(folder, statements, use="use rule * from tunelab as t_*", before=""):
    """Write a workflow that takes this one in; `statements` stand in its `module:`."""
    lines = [f"PROJECT = {str(PROJECT)!r}", "import yaml", before, "module tunelab:", "    snakefile:"]
    lines += ["        f'{PROJECT}/Snakefile'", *(f"    {line}" for line in statements), use, ""]
    (folder / "Snakefile").write_text("\n".join(lines), encoding="utf-8")
    return folder


def refuse(folder):
    code, printed = call_snakemake(folder, "--dry-run", "--cores=1")
    assert code == 1 and "Traceback" not in printed
    return printed


@pytest.fixture(scope="module")
def own_jobs(tmp_path_factory):
    return plan(copy_project(tmp_path_factory.mktemp("project")), "--configfile", "config/smoke.yaml")


def test_all_rules_can_be_used_under_their_own_names(tmp_path, own_jobs):
    folder = write_workflow(tmp_path, [f"config: {SMOKE}"], use="use rule * from tunelab")
    assert plan(folder) == own_jobs


def test_rules_take_the_names_that_the_other_workflow_gives_them(tmp_path, own_jobs):
    folder = write_workflow(tmp_path, [f"config: {SMOKE}"])
    assert plan(folder) == {f"t_{job}" for job in own_jobs}


def test_without_a_config_it_is_the_default_study_whatever_the_other_workflow_has(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("samples: [a, b]\n", encoding="utf-8")
    write_workflow(tmp_path, [], before='configfile: "config/config.yaml"')
    (tmp_path / "more.yaml").write_text("depth: 3\n", encoding="utf-8")
    jobs = plan(tmp_path, "--configfile", "more.yaml", "--config", "study=none")
    assert {"t_train_grpo grpo 1", "t_all"} < jobs


def test_the_other_workflows_first_rule_stays_its_target(tmp_path):
    first = "rule first:\n    output: 'made'\n    shell: 'touch made'\n"
    assert plan(write_workflow(tmp_path, [], before=first)) == {"first"}


def test_a_rule_of_the_other_workflow_follows_from_the_page(tmp_path, own_jobs):
    folder = write_workflow(tmp_path, [f"config: {SMOKE}"])
    rule = (
        "rule mine:\n    input: rules.t_render_report.output.report\n    output: 'copy'\n    shell: 'cp {input} copy'\n"
    )
    with open(folder / "Snakefile", "a", encoding="utf-8") as more:
        more.write(rule)
    jobs = plan(folder, "copy")
    assert {"mine", "t_render_report", "t_train_sft lora 1"} < jobs


def test_a_study_runs_to_its_end_below_a_prefix_and_stays_finished(tmp_path):
    overlay = "config: {'study': {'results': 'results/mine', 'runs': ['base', 'lora']}, 'noise': None}"
    folder = write_workflow(tmp_path, [overlay, "prefix: 'below'"])
    run_stubs(folder, "--cores", "2")
    assert (folder / "below/results/mine/report.html").exists()
    assert not (folder / "results").exists()
    assert plan(folder, "--rerun-triggers", "mtime", "params", "input") == set()


@pytest.mark.slow
def test_jobs_find_the_library_and_their_files_from_the_other_workflow(tmp_path):
    folder = write_workflow(tmp_path, [f"config: {SMOKE}", "prefix: 'below'"])
    run_snakemake(folder, "--cores", "1", "below/results/smoke/datasets/sums/data_card.json")
    card = json.loads((folder / "below/results/smoke/cards/prepare_dataset/sums.json").read_text(encoding="utf-8"))
    assert card["rule"] == "t_prepare_dataset"
    assert "below/results/smoke/datasets/sums/train_dataset.json" in card["outputs"]
    assert (
        plan(folder, "--rerun-triggers", "mtime", "params", "--", "below/results/smoke/datasets/sums/data_card.json")
        == set()
    )


def test_two_studies_stand_side_by_side(tmp_path):
    folder = write_workflow(tmp_path, ["config: {'study': {'results': 'results/a'}}"])
    with open(folder / "Snakefile", "a", encoding="utf-8") as more:
        more.write(
            "module other:\n    snakefile: f'{PROJECT}/Snakefile'\n"
            "    config: {'study': {'results': 'results/b', 'seeds': [5]}}\n"
            "use rule * from other as o_*\n"
        )
    jobs = plan(folder, "results/a/report.html", "results/b/report.html")
    assert {"t_train_sft lora 1", "o_train_sft lora 5"} < jobs


def test_a_wrong_config_names_the_module(tmp_path):
    folder = write_workflow(tmp_path, ["config: {'study': {'seedz': [1]}, 'samples': 3}"])
    assert "The config of the module tunelab is not valid:\n  study.seedz: unknown key" in refuse(folder)


@pytest.mark.parametrize(
    "statement",
    ["replace_prefix: {'results/': 'mine/'}", "pathvars:\n        results='mine'", "pathvars:\n        logs='mine'"],
)
def test_other_ways_to_move_its_files_are_refused_with_the_right_one(tmp_path, statement):
    assert "A module's files lie where study.results" in refuse(write_workflow(tmp_path, [statement]))
