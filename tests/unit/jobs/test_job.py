"""A job as Snakemake starts one, in a process of its own because its console is redirected for good."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tunelab.jobs.failures import find_reason
from tunelab.jobs.provenance import hash_source

SCRIPTS = Path(__file__).parents[3] / "scripts"
DRIVER = """
import os, subprocess, sys
from pathlib import Path
from types import SimpleNamespace
from tunelab.errors import UserError
from tunelab.jobs.job import report_progress, run_as_job


class Named(list):
    def __init__(self, names):
        self.names = names
        values = [item for value in names.values() for item in (value if isinstance(value, list) else [value])]
        super().__init__(values)

    def __getattr__(self, name):
        return self.names[name]

    def items(self):
        return self.names.items()


job = SimpleNamespace(
    rule="train_sft",
    input=Named({{"card": "in/card.json", "weights": ["in/b.bin", "in/c.json"], "start": []}}),
    output=Named({outputs}),
    params=Named({{"facts": {facts}, "spec": {{"r": 8}}, "results": "results"}}),
    wildcards=Named({{"run": "{run}", "seed": "1"}}),
    log=["results/logs/train/job.log"],
    threads=2,
    resources=dict({resources}),
)

{main}

run_as_job(main, job, {options})
"""
FACTS = ("runs.lora.adapter.r = 8", "package peft = 1.0")
OUTPUTS = {"history": "results/history.jsonl", "events": "results/events"}
INPUTS = {"card.json": "{}", "b.bin": "weights", "c.json": "{}"}
WRITE = (
    "def main(history, events, weights, spec):\n    print('working')\n    history.write_text('made')\n"
    "    events.mkdir()\n    (events / 'event').write_text('happened')"
)


def run_job(
    folder: Path, main: str, options: str = "", facts=FACTS, run="lora", outputs=(), resources=(), **environment: str
) -> subprocess.CompletedProcess:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TOKENIZERS_"))}
    (folder / "in").mkdir(exist_ok=True)
    for name, text in INPUTS.items():
        if not (folder / "in" / name).exists():
            (folder / "in" / name).write_text(text)
    # as Snakemake does before a job
    (folder / "results/logs/train").mkdir(parents=True, exist_ok=True)
    for output in (folder / "results/history.jsonl", folder / "results/logs/train/job.log"):
        output.unlink(missing_ok=True)
    shutil.rmtree(folder / "results/events", ignore_errors=True)
    return subprocess.run(
        [
            sys.executable,
            "-c",
            DRIVER.format(
                **{"main": main, "options": options, "facts": list(facts), "run": run},
                **{"outputs": dict(outputs), "resources": dict(resources)},
            ),
        ],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(SCRIPTS)} | environment,
        capture_output=True,
        text=True,
    )


def read_log(folder: Path) -> str:
    return (folder / "results/logs/train/job.log").read_text(encoding="utf-8")


def test_main_gets_the_files_params_and_wildcards_that_it_names(tmp_path):
    main = "def main(card, weights, start, history, spec, run, seed, threads):\n    print(locals()); history.touch()"
    done = run_job(tmp_path, main, outputs={"history": "results/history.jsonl"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert eval(read_log(tmp_path), {"PosixPath": Path}) == {
        "card": Path("in/card.json"),
        "weights": [Path("in/b.bin"), Path("in/c.json")],
        "start": [],
        "history": Path("results/history.jsonl"),
        "spec": {"r": 8},
        "run": "lora",
        "seed": "1",
        "threads": 2,
    }


def test_a_name_that_the_job_does_not_have_fails(tmp_path):
    assert run_job(tmp_path, "def main(card, validation):\n    pass").returncode == 1
    assert "missing 1 required positional argument: 'validation'" in read_log(tmp_path)


def test_a_mistake_of_the_user_ends_the_job_with_its_sentence_and_no_traceback(tmp_path):
    done = run_job(tmp_path, "def main():\n    raise UserError('row 3: «question» is empty; fill it in')")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert read_log(tmp_path) == "Error: row 3: «question» is empty; fill it in\n"


@pytest.mark.parametrize("raised", ["ValueError('broken')", "KeyError('broken')", "SystemExit('broken')"])
def test_any_other_failure_looks_failed(tmp_path, raised):
    done = run_job(tmp_path, f"def main():\n    raise {raised}")
    assert done.returncode == 1
    assert "broken" in read_log(tmp_path)
    assert ("Traceback" in read_log(tmp_path)) == ("SystemExit" not in raised)


def test_the_log_holds_what_programs_started_by_the_job_print(tmp_path):
    main = (
        "def main():\n"
        "    print('first'); print('second', file=sys.stderr)\n"
        "    subprocess.run(['sh', '-c', 'echo third; echo fourth >&2'], check=True)\n"
        "    print('fifth')"
    )
    done = run_job(tmp_path, main)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert read_log(tmp_path) == "first\nsecond\nthird\nfourth\nfifth\n"


@pytest.mark.parametrize(("uses", "found"), [(False, "None"), (True, "not looked for")])
def test_bitsandbytes_is_not_there_for_jobs_that_do_not_use_it(tmp_path, uses, found):
    main = f"job.params.names['spec'] = SimpleNamespace(uses_bitsandbytes={uses})\n"
    main += "def main():\n    print(sys.modules.get('bitsandbytes', 'not looked for'))"
    run_job(tmp_path, main)
    assert read_log(tmp_path) == f"{found}\n"


def test_reports_go_to_the_log_with_the_name_of_the_job_and_nothing_to_the_terminal(tmp_path):
    done = run_job(tmp_path, "def main():\n    print('quiet')\n    report_progress('step 1 of 2 · loss 2.5')")
    assert (done.stdout, done.stderr) == ("", "")
    assert read_log(tmp_path) == "quiet\n[train_sft lora 1] step 1 of 2 · loss 2.5\n"


def test_what_a_full_disk_keeps_out_of_the_log_is_said_at_the_terminal(tmp_path):
    main = "def main():\n    os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n    raise UserError('lower it')"
    done = run_job(tmp_path, main)
    assert done.returncode and done.stderr == "[train_sft lora 1] lower it\n"


def test_progress_outside_a_job_is_printed_once():
    code = "from tunelab.jobs.job import report_progress; report_progress('step 1')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("step 1\n", "")


@pytest.mark.parametrize(
    ("options", "environment", "offline"),
    [
        ("", {}, "1"),
        ("", {"HF_HUB_OFFLINE": "0"}, "1"),
        ("network=True", {}, "None"),
        ("network=True", {"HF_HUB_OFFLINE": "1"}, "1"),
    ],
)
def test_a_job_is_offline_unless_it_asks_for_the_network(tmp_path, options, environment, offline):
    names = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TOKENIZERS_PARALLELISM")
    run_job(tmp_path, f"def main():\n    print(*(os.environ.get(name) for name in {names}))", options, **environment)
    assert read_log(tmp_path) == f"{offline} 1 false\n"


def read_card(folder: Path) -> dict:
    return json.loads((folder / "results/cards/train/job.json").read_text(encoding="utf-8"))


def list_made(folder: Path) -> dict[str, str]:
    files = (folder / "results/history.jsonl", folder / "results/events/event")
    return {file.name: file.read_text() for file in files if file.exists()}


MADE = {"history.jsonl": "made", "event": "happened"}


def test_a_finished_job_leaves_a_card_beside_its_log(tmp_path):
    run_job(tmp_path, WRITE, outputs=OUTPUTS)
    card = read_card(tmp_path)
    assert card["rule"] == "train_sft" and card["wildcards"] == {"run": "lora", "seed": "1"}
    assert card["facts"] == [*FACTS]
    assert card["inputs"] == {f"in/{name}": sha256(text) for name, text in INPUTS.items()}
    assert card["outputs"] == {"results/history.jsonl": sha256("made"), "results/events/event": sha256("happened")}
    assert card["seconds"] >= 0 and card["peak_memory_bytes"] > 2**20 and card["threads"] == 2
    assert card["cpu_seconds"] > 0
    assert card["started"] <= card["finished"] and card["reused_from"] is None
    assert len(card["commit"]) == 40 and card["dirty"] in (True, False)
    assert {"host", "platform", "python", "key"} < set(card)
    assert not [name for name in card if name.startswith("_")]
    assert not (tmp_path / "work").exists()


def test_without_git_a_card_has_no_commit(tmp_path):
    run_job(tmp_path, WRITE, outputs=OUTPUTS, PATH="")
    assert {"commit": None, "dirty": None}.items() <= read_card(tmp_path).items()


def test_a_failed_job_leaves_no_card(tmp_path):
    run_job(tmp_path, "def main():\n    raise ValueError")
    assert not (tmp_path / "results/cards").exists()


@pytest.mark.parametrize(
    ("change", "repeated"),
    [
        ({}, False),
        ({"run": "lora_renamed", "facts": ("runs.lora_renamed.adapter.r = 8", "package peft = 1.0")}, False),
        ({"facts": FACTS[::-1]}, False),
        ({"facts": ("runs.lora.adapter.r = 16", "package peft = 1.0")}, True),
        ({"facts": ("runs.lora.adapter.r = 8", "package peft = 2.0")}, True),
        ({"facts": FACTS[:1]}, True),
    ],
)
def test_equal_work_is_done_once_whatever_its_name(tmp_path, change, repeated):
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS)
    first = read_card(tmp_path)
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS, **change)
    card = read_card(tmp_path)
    assert list_made(tmp_path) == MADE
    assert ("working" in read_log(tmp_path)) == repeated
    assert ("equal work was finished at" in read_log(tmp_path)) == (not repeated)
    assert card["outputs"] == first["outputs"]
    assert card["reused_from"] == (None if repeated else first["finished"])
    assert (card["key"] == first["key"]) == (not repeated)
    assert repeated or card["seconds"] == first["seconds"]


def test_another_input_is_other_work_and_the_old_one_is_still_known(tmp_path):
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS)
    (tmp_path / "in/b.bin").write_text("other weights")
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS)
    assert "working" in read_log(tmp_path)
    (tmp_path / "in/b.bin").write_text("weights")
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS)
    assert "working" not in read_log(tmp_path) and list_made(tmp_path) == MADE


def test_what_was_kept_and_then_written_into_is_not_used(tmp_path):
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS)
    with open(tmp_path / "results/history.jsonl", "a") as file:  # the same file as the kept one
        file.write("!")
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS)
    assert "has been changed since, and is not used" in read_log(tmp_path)
    assert list_made(tmp_path) == MADE


def test_a_failed_attempt_keeps_its_checkpoints_and_a_finished_one_none(tmp_path):
    main = (
        "def main(history, checkpoints):\n    checkpoints.mkdir(parents=True, exist_ok=True)\n"
        "    before = sorted(path.name for path in checkpoints.iterdir())\n    (checkpoints / 'step5').touch()\n"
        "    print(before)\n    assert before\n    history.touch()"
    )
    outputs = {"history": "results/history.jsonl"}
    assert run_job(tmp_path, main, "keep=True", outputs=outputs).returncode == 1
    assert run_job(tmp_path, main, "keep=True", outputs=outputs, facts=("x = 1",)).returncode == 1  # other work
    assert run_job(tmp_path, main, "keep=True", outputs=outputs).returncode == 0
    assert read_log(tmp_path) == "['step5']\n"
    (unfinished,), (finished,) = tmp_path.rglob("checkpoints"), tmp_path.rglob("manifest.json")
    assert unfinished.parent != finished.parent


def test_checkpoints_that_finished_work_was_too_soon_killed_to_remove_go_when_it_is_used(tmp_path):
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS)
    (manifest,) = tmp_path.rglob("manifest.json")
    left = manifest.with_name("checkpoints") / "checkpoint-5/state.json"
    left.parent.mkdir(parents=True)
    left.touch()
    run_job(tmp_path, WRITE, "keep=True", outputs=OUTPUTS)
    assert "equal work was finished at" in read_log(tmp_path)
    assert not left.parent.parent.exists() and list_made(tmp_path) == MADE


COUNT = (
    "def main(history, checkpoints):\n    checkpoints.mkdir(parents=True, exist_ok=True)\n"
    "    print('begins at', len(list(checkpoints.iterdir())))\n    (checkpoints / 'step5').touch()\n"
    "    assert not os.environ.get('KILLED')\n    history.touch()"
)


@pytest.mark.parametrize("asked", ["train_sft", "results/history.jsonl", "every job"])
def test_forced_work_is_done_again_and_a_killed_attempt_at_that_goes_on(tmp_path, asked):
    def train(**environment):
        done = run_job(tmp_path, COUNT, "keep=True", outputs={"history": "results/history.jsonl"}, **environment)
        return done.returncode, read_log(tmp_path).splitlines()[0]

    forced = {"TUNELAB_FORCED_JOBS": json.dumps(["another_rule", asked])}
    assert train() == (0, "begins at 0")
    assert "equal work was finished at" in train(TUNELAB_FORCED_JOBS='["another_rule"]')[1]
    assert train(**forced) == (0, "begins at 0")
    assert train(**forced, KILLED="1") == (1, "begins at 0")
    assert train(**forced) == (0, "begins at 1"), "the same command goes on"
    train(**forced, KILLED="1")
    assert train() == (0, "begins at 1"), "so does one without force"


def test_a_job_whose_code_was_edited_since_it_was_planned_does_not_run(tmp_path):
    digest = hash_source(SCRIPTS / "tunelab/words.py")
    planned = run_job(tmp_path, "def main():\n    pass", facts=(f"code tunelab/words.py = {digest}",))
    edited = run_job(tmp_path, "def main():\n    pass", facts=("code tunelab/words.py = 123456789abc",))
    assert planned.returncode == 0
    assert edited.returncode == 1
    assert "scripts/tunelab/words.py was edited after this run was planned; start Snakemake again." in read_log(
        tmp_path
    )


def test_an_input_that_is_edited_while_the_job_runs_fails_it(tmp_path):
    main = WRITE + "\n    weights[0].write_text('edited')"
    done = run_job(tmp_path, main, "keep=True", outputs=OUTPUTS)
    assert done.returncode == 1
    assert "in/b.bin was changed while this job used it" in read_log(tmp_path)
    assert not (tmp_path / "results/cards").exists() and not list(tmp_path.rglob("manifest.json"))


def test_an_input_that_is_touched_while_the_job_runs_does_no_harm(tmp_path):
    main = WRITE + "\n    os.utime(weights[0], (1, 1))"
    assert run_job(tmp_path, main, outputs=OUTPUTS).returncode == 0
    assert list_made(tmp_path) == MADE


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        ("OSError(28, 'No space left on device', 'a/b')", "The disk is full. Free some space"),
        ("RuntimeError('I/O error: No space left on device (os error 28)')", "The disk is full."),
        ("MemoryError()", "Out of memory. Lower the run's training.per_device_train_batch_size"),
        ("RuntimeError('CUDA out of memory. Tried to allocate 2 GiB')", "Out of memory."),
        ('RuntimeError("DefaultCPUAllocator: can\'t allocate memory: you tried")', "you tried"),
    ],
)
def test_a_machine_at_its_end_is_said_in_a_sentence_with_the_traceback_in_the_log(tmp_path, raised, sentence):
    done = run_job(tmp_path, f"def main():\n    raise {raised}")
    assert (done.returncode, done.stderr) == (1, "")
    assert "Traceback" in read_log(tmp_path)
    assert sentence in find_reason(tmp_path / "results/logs/train/job.log")


def test_a_second_process_waits_for_the_first_and_then_uses_its_results(tmp_path):
    main = WRITE.replace("print('working')", "import time; time.sleep(2)")
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_job, tmp_path, main, "keep=True", outputs=OUTPUTS) for _ in range(2)]
    assert [run.result().returncode for run in runs] == [0, 0]
    assert read_log(tmp_path).count("equal work was finished") == 1


def test_a_job_ends_when_the_process_that_started_it_is_killed(tmp_path):
    run_job(tmp_path, "def main():\n    pass")  # makes the inputs
    main = "def main():\n    import time\n    Path('pid').write_text(str(os.getpid()))\n    time.sleep(60)"
    code = DRIVER.format(main=main, options="", facts=[], run="lora", outputs={}, resources={})
    starter = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    parent = subprocess.Popen([sys.executable, "-c", starter], cwd=tmp_path, env=environment)
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    child = Path("/proc", (tmp_path / "pid").read_text())
    assert child.exists()
    parent.kill()
    parent.wait()
    wait_for(lambda: not child.exists() or "zombie" in (child / "status").read_text())


def wait_for(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


SEE = "def main():\n    import os\n    print('sees', os.environ['CUDA_VISIBLE_DEVICES'] or 'none')"


@pytest.mark.parametrize(("claim", "seen"), [({"gpu": 1}, "3"), ({"gpu": 0}, "none"), ({}, "none")])
def test_a_job_sees_the_gpus_that_it_claims_and_no_others(tmp_path, claim, seen):
    done = run_job(tmp_path, SEE, resources=claim, CUDA_VISIBLE_DEVICES="3,5", TMPDIR=str(tmp_path))
    assert done.returncode == 0
    assert f"sees {seen}\n" in read_log(tmp_path)


def test_a_job_that_was_promised_a_gpu_never_computes_without_one(tmp_path):
    assert run_job(tmp_path, SEE, resources={"gpu": 1}, CUDA_VISIBLE_DEVICES="").returncode == 1
    assert "Error: This job is to run on a GPU, and there is none here" in read_log(tmp_path)
    choose = "def main():\n    from tunelab.models.device import choose_device\n    print(choose_device())"
    done = run_job(tmp_path, choose, resources={"gpu": 1}, CUDA_VISIBLE_DEVICES="77", TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert "Error: This job was given a GPU, and PyTorch" in read_log(tmp_path)
    assert run_job(tmp_path, choose, CUDA_VISIBLE_DEVICES="77").returncode == 0
    assert "cpu" in read_log(tmp_path)


def test_a_job_whose_function_of_the_users_was_edited_since_it_was_planned_does_not_run(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def mine(**columns):\n    return []\n", encoding="utf-8")
    main = "job.params.names['functions'] = {'rewards': {'mine': 'mine.py'}}\ndef main():\n    pass"
    facts = (f"runs.lora.rewards.functions.mine = {hash_source(file)!r}",)
    assert run_job(tmp_path, main, facts=facts).returncode == 0
    file.write_text("def mine(**columns):\n    return [1]\n", encoding="utf-8")
    assert run_job(tmp_path, main, facts=facts).returncode == 1
    assert (
        "mine.py, or a file that it names, was edited after this run was planned; start Snakemake again."
        in read_log(tmp_path)
    )
