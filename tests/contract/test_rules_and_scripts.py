"""Rule, script and signature go by one name, and a script is a signature with a docstring."""

import ast
import re

import pytest
from project_files import LIBRARY, PROJECT, RULES, SCRIPTS, STAGES, TOOLS, list_imports, read_rules

REUSED = {
    "train_sft_model": "train_sft",
    "train_preferences_model": "train_preferences",
    "train_grpo_model": "train_grpo",
    "train_distillation_model": "train_distillation",
    "publish_waypoint_model": "publish_waypoint",
    "generate_repeats": "generate_answers",
    "measure_repeats": "measure_loss",
    "score_repeats": "score_answers",
}
LAST_LINES = re.compile(
    r'\n\nif __name__ == "__main__":\n'
    r"    run_as_job\(main, snakemake(, network=True|, keep=True)?\)  # noqa: F821  \(Snakemake provides it\)\n\Z"
)


def parse_script(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (main,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    return tree, main


def test_every_rule_has_the_script_of_its_name_and_every_script_its_rule():
    rules = read_rules()
    used = {
        name: re.findall(r'^    script:\n        "../scripts/(\w+)\.py"$', text, re.M) for name, text in rules.items()
    }
    assert used == {name: [] if name in REUSED else [name] for name in rules}
    assert set(rules) - set(REUSED) == {path.stem for path in STAGES}
    for name, original in REUSED.items():
        assert f"use rule {original} as {name} with:" in RULES


def test_every_tool_is_run_by_a_target_of_the_makefile_and_by_no_rule():
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\t@\$\(VENV\)(?:-compare)?/bin/python scripts/(\w+)\.py", makefile, re.M)) == sorted(
        path.stem for path in TOOLS
    )
    assert all(path.is_file() and path.stem not in RULES for path in TOOLS)


def test_no_rule_hides_work_outside_its_script():
    assert not re.findall(r"^    (shell|run|notebook|wrapper):", RULES, re.M)
    assert "import " not in re.sub(r"^(import|from) .*", "", RULES, flags=re.M)


@pytest.mark.parametrize("rule", read_rules())
def test_every_rule_logs_and_names_its_environment_and_tracks_facts(rule):
    text = read_rules()[REUSED.get(rule, rule)]
    assert re.search(r'^    log:\n        "<logs>/', text, re.M)
    assert re.search(r'^    conda:\n        "../envs/(train|prepare|report)\.yaml"$', text, re.M)
    assert re.search(r"^    params:\n        facts=", text, re.M)
    assert f'"{REUSED.get(rule, rule)}.py"' in text or (rule.startswith("train_") and "train_facts" in text)


@pytest.mark.parametrize("rule", [name for name in read_rules() if name not in REUSED])
def test_a_rule_takes_seconds_on_one_core_or_claims_what_it_needs(rule):
    text = read_rules()[rule]
    assert ("    threads: " in text) == bool(re.search(r"^    resources:\n        \*\*CLAIMS,$", text, re.M))
    assert ("    threads: " in text) != ("    localrule: True\n" in text)


def test_what_tells_that_work_would_be_in_vain_goes_first():
    early = {name for name, text in read_rules().items() if re.search(r"^    priority: EARLY$", text, re.M)}
    assert early == {"settle_template", "measure_tokens", "check_positions", "check_vocabulary"}


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_a_script_says_what_it_reads_and_writes(path):
    docstring = ast.get_docstring(parse_script(path)[0])
    assert re.fullmatch(r"[A-Z].*[.]", docstring.splitlines()[0])
    assert re.search(r"^Writes  \w", docstring, re.M)
    assert re.search(r"^Reads   \w", docstring, re.M) or path.stem.startswith("fetch_")
    assert LAST_LINES.search(path.read_text(encoding="utf-8"))
    # every file that the rule makes, and that main is given, is described
    outputs = re.search(r"^    output:\n((?:        .*\n)+)", read_rules()[path.stem], re.M)[1]
    names = re.findall(r"^        (\w+)=", outputs, re.M)
    assert names
    assert [name for name in names if not re.search(rf"^ *(Writes +)?{name} ", docstring, re.M)] == []


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_a_rule_says_what_its_script_does(path):
    docstring = ast.get_docstring(parse_script(path)[0]).splitlines()[0]
    assert f'rule {path.stem}:\n    """{docstring}"""\n'.replace("\\", "\\\\") in RULES


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_main_asks_for_names_that_its_rule_provides(path):
    _, main = parse_script(path)
    assert not (main.args.posonlyargs or main.args.vararg or main.args.kwarg)
    text = read_rules()[path.stem]
    named = set(re.findall(r"^        (\w+)=", text, re.M))
    # the seam offers this folder to a script whose results are kept
    named |= {"checkpoints"} if "keep=True" in path.read_text(encoding="utf-8") else set()
    wildcards = set(re.findall(r"\{(\w+)\}", re.search(r"^    output:\n((?:        .*\n)+)", text, re.M)[1]))
    assert {argument.arg for argument in main.args.args} <= named | wildcards


def test_no_script_or_module_reads_the_config_or_the_environment_behind_the_workflows_back():
    asking = {}
    for path in (*LIBRARY, *SCRIPTS.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"snakemake\.(config|params|input|output|wildcards)\b", text), path.name
        if found := re.findall(r"\b(?:environ|getenv|putenv)\b", text):
            asking[str(path.relative_to(SCRIPTS))] = len(found)
    assert set(asking) == {
        *("ask_runs.py", "new_study.py", "tunelab/jobs/job.py", "tunelab/sources/hub.py", "tunelab/training/shared.py"),
        "tunelab/jobs/partial.py",  # what a partial report tells of itself, which is no setting
        "tunelab/jobs/forced.py",  # which jobs were asked for by force, as the process that plans tells them
        "tunelab/jobs/hardware.py",  # which GPUs a user or a cluster lets it see
        "tunelab/jobs/processes.py",  # what a launcher and the job tell each of several processes
        "tunelab/sources/hub.py",  # which proxy HTTP clients take, as its variable is named where it fails
        "tunelab/upkeep/dry_run.py",  # which profile Snakemake takes, as it is named where that cannot be
        "tunelab/sources/pypi.py",  # pip is run as people run it, but for its temporary files
        "tunelab/jobs/checkout.py",  # what a hook of another repository sets for git is left out
        *("tunelab/benchmarks/child.py", "tunelab/benchmarks/measuring.py"),  # a bench's trainings, as jobs have it
    }
    assert asking["tunelab/training/shared.py"] == 1  # TensorBoard's folder, which transformers takes from there only
    assert 'os.environ["TENSORBOARD_LOGGING_DIR"] = ' in (SCRIPTS / "tunelab/training/shared.py").read_text(
        encoding="utf-8"
    )


def test_only_three_modules_of_the_library_import_snakemake():
    imports = {path.relative_to(SCRIPTS / "tunelab").as_posix(): set(list_imports(path)) for path in LIBRARY}
    knowing = {name for name, modules in imports.items() if any(part.split(".")[0] == "snakemake" for part in modules)}
    assert knowing == {
        "jobs/snakemake_internals.py",
        "upkeep/dry_run.py",  # the plan that tools make
        "watching/display.py",  # what stands between Snakemake's messages and the terminal
    }
    assert not [name for name, modules in imports.items() if "importlib.util" in modules]


def test_only_the_shared_file_reads_the_config():
    texts = {path.name: path.read_text(encoding="utf-8") for path in (PROJECT / "rules").glob("*.smk")}
    reading = [name for name, text in texts.items() if re.search(r"\bconfig(\[|\.get|,|\))", re.sub(r"#.*", "", text))]
    assert reading == ["common.smk"]
