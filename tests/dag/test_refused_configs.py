"""A wrong config with Snakemake itself: sentences and nothing else, no job, no folder, whether it is tried or run."""

import pytest

from tests.forks import read_python
from tests.study_copy import call_snakemake, copy_project, plan, put_back

MISTAKES = {
    "a misspelt key": ("stdy: {seeds: [1]}", ["stdy: unknown key (did you mean study?)"]),
    "a value of another kind": (
        "study: {seeds: [one]}\nhub:",
        ["study.seeds[0]: must be a whole number (got 'one')", "hub: must be a mapping (got null)"],
    ),
    "a name that points nowhere": (
        "runs: {lora: {model: smolm2}}",
        ["runs.lora.model: there is no model 'smolm2' (did you mean smollm2?)"],
    ),
    "a contradiction": (
        "runs: {prefix: {training: {gradient_checkpointing: true}}}",
        [
            "runs.prefix.training.gradient_checkpointing: cannot be used with a prefix or prompt, which lives in the "
            "KV cache"
        ],
    ),
    "a library's field": (
        "runs: {lora: {adapter: {r: four}, training: {learning_rte: 1.0e-4}}}",
        [
            "runs.lora.adapter.r: must be a whole number (got 'four')",
            "runs.lora.training.learning_rte: is not a field of SFTConfig (did you mean learning_rate?)",
        ],
    ),
    "an entry like none": (
        "runs: {mine: {like: lorra}, his: {like: her}, her: {like: his}}",
        [
            "runs.mine.like: there is no run 'lorra' (did you mean lora?)",
            "runs.his.like: goes round in a circle (his, her, his); write one of them out",
        ],
    ),
    "a mistake in an entry that another is like": (
        "runs: {lora: {adapter: {r: four}}, mine: {like: lora, label: Mine}}",
        ["runs.lora.adapter.r: must be a whole number (got 'four')"],
    ),
    "foreign code": (
        "models: {smollm2: {trust_remote_code: true}}",
        ["models.smollm2.trust_remote_code: is refused: code from repositories is never run"],
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("checkout"))


def refuse(folder, *arguments):
    """Run Snakemake with a config that it should refuse; return its exit code and the lines that it prints."""
    code, printed = call_snakemake(folder, "--cores", "1", *arguments)
    # what Snakemake says by itself before it reads the Snakefile
    own = ("Using workflow specific profile", "Config file config/config.yaml is extended")
    return code, [line for line in printed.splitlines() if not line.startswith(own)]


@pytest.mark.parametrize("trial", [["--dry-run"], []], ids=["dry run", "run"])
@pytest.mark.parametrize(("overlay", "sentences"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_config_ends_snakemake_with_sentences_before_anything_is_done(checkout, overlay, sentences, trial):
    before = sorted(path.name for path in checkout.iterdir() if path.name != ".snakemake")
    (checkout / "mine.yaml").write_text(overlay, encoding="utf-8")
    code, lines = refuse(checkout, *trial, "--configfile", "mine.yaml")
    (checkout / "mine.yaml").unlink()
    assert code == 1
    title, *problems = lines
    assert title.endswith("mine.yaml is not valid:")
    assert problems == [f"  {sentence}" for sentence in sentences]
    assert sorted(path.name for path in checkout.iterdir() if path.name != ".snakemake") == before
    assert not {"results", "work"} & set(before)


def test_a_wrong_value_of_the_command_line_is_answered_alike(checkout):
    code, lines = refuse(checkout, "--dry-run", "--config", "study=3", "runs={lora: {adapter: {r: 0}}}")
    assert code == 1
    assert lines == [
        "--config is not valid:",
        "  study: must be a mapping (got 3)",
        "  runs.lora.adapter.r: must be greater than 0 (got '0')",
    ]


def test_mistakes_of_a_file_and_of_the_command_line_are_told_apart(checkout):
    (checkout / "mine.yaml").write_text("runs: {lora: {adapter: {r: 0}, label: 7}}", encoding="utf-8")
    given = ("--config", "study={sedes: [1]}", "runs={lora: {label: null}}")
    code, lines = refuse(checkout, "--dry-run", *given, "--configfile", "mine.yaml")
    (checkout / "mine.yaml").unlink()
    assert code == 1
    assert [line.partition(" (")[0] for line in lines] == [
        "mine.yaml is not valid:",
        "  runs.lora.adapter.r: must be greater than 0",
        "--config is not valid:",
        "  runs.lora.label: must be text",
        "  study.sedes: unknown key",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["--config", "study={title: a: b}"],
            "--config study='{title: a: b}' is not YAML: line 1: a colon and a space",
        ),
        ([], "config/config.yaml is not YAML: line 1: a colon and a space stand in the middle of a value;"),
    ],
)
def test_what_is_no_yaml_is_a_sentence_with_its_place(checkout, given, said):
    file = checkout / "config/config.yaml"
    with put_back(file) as before:
        if not given:
            file.write_text(f"strange: a: b\n{before}", encoding="utf-8")
        code, lines = refuse(checkout, "--dry-run", *given)
    assert code == 1
    assert len(lines) == 1 and lines[0].startswith(said)


def test_null_on_the_command_line_is_null_however_deep_it_stands(checkout):
    given = ("noise=null", "tasks={sums: {sampling: null}}", "drift=~")
    rules = {job.split()[0] for job in plan(checkout, "--config", *given)}
    assert "generate_answers" in rules
    assert not rules & {"generate_samples", "generate_repeats", "measure_drift"}


@pytest.mark.parametrize("command", [["-m", "snakemake", "--dry-run", "--cores", "1"], ["scripts/plan_jobs.py"]])
def test_what_the_first_jobs_would_refuse_is_refused_by_every_dry_run(checkout, command):
    rows = "".join(f'{{"question": "How are you, {number}?", "answer": "Well."}}\n' for number in range(20))
    (checkout / "rows.jsonl").write_text(rows, encoding="utf-8")
    prepare = "{format: question_answer, columns: {answer: reply}, test: 500}"
    (checkout / "mine.yaml").write_text(
        f"""
study: {{precision: float16}}
datasets: {{mine: {{fetch: {{source: local, files: [rows.jsonl]}}, prepare: {prepare}}}}}
tasks: {{support: {{dataset: mine}}}}
models: {{smollm2: {{chat_template: gone.jinja}}}}
""",
        encoding="utf-8",
    )
    code, printed = read_python(checkout, *command, "--configfile", "mine.yaml", CUDA_VISIBLE_DEVICES="")
    (checkout / "mine.yaml").unlink()
    assert code == 1
    said = ("models.smollm2.chat_template: ", "rows.jsonl: there is no column 'reply'", "study.precision: float16")
    lines = printed.splitlines()[-3:]
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True)), printed
