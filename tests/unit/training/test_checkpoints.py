"""Killed trainings go on from their checkpoints and end with the very bytes of one that was never killed.

Each attempt is the script's `main` in a process of its own, or in two that share the training, which really is killed.
"""

import pickle
import shutil
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pandas
import pytest
from attempt import ASKED

from tests.forks import LIBRARIES, run_python
from tunelab import records
from tunelab.config.completions import count_completions
from tunelab.config.specs.study import BudgetSpec
from tunelab.config.specs.training import (
    CheckpointSettings,
    DistillationRun,
    DpoRun,
    GrpoRun,
    KtoRun,
    Rewards,
    SftRun,
)
from tunelab.jobs.processes import CHECKPOINTS
from tunelab.jobs.stopping import TERMINATED
from tunelab.training import checkpoints

ATTEMPT = Path(__file__).with_name("attempt.py")
SCRIPTS = Path(__file__).parents[3] / "scripts"
LORA = {"peft_type": "LORA", "r": 4, "lora_dropout": 0.2, "target_modules": "all-linear"}
ADALORA = {"peft_type": "ADALORA", "init_r": 6, "target_r": 2, "tinit": 1, "tfinal": 1, "total_step": 7}
PREFIX = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 5}
PROJECTED = PREFIX | {"prefix_projection": True, "encoder_hidden_size": 64}
NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
# two batches of four rows are an epoch, so steps 2, 4 and 6 end one; step 2 is made the best, see `attempt`
SHORT = {"max_steps": 7, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "max_length": 128}
BEST = {"eval_strategy": "steps", "eval_steps": 1, "load_best_model_at_end": True}
# a step takes sixteen completions for four of the eight questions, so here too two steps are an epoch
GRPO = {"max_steps": 5, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "num_generations": 4}
GRPO |= {"max_completion_length": 6, "learning_rate": 1e-2, "beta": 0.05}
TAUGHT = {"max_steps": 5, "per_device_train_batch_size": 4, "max_completion_length": 6, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def prepare(tmp_path_factory, rows, llama):
    """Return a function that describes a training to `attempt`."""
    folder = tmp_path_factory.mktemp("rows")
    records.write_jsonl(folder / "train", rows[:8])
    records.write_jsonl(folder / "validation", rows[8:])
    rejected = {"rejected": {"role": "assistant", "content": "No idea."}}
    pairs = [{"id": r["id"], "messages": r["messages"][:1], "chosen": r["messages"][1]} | rejected for r in rows[:8]]
    records.write_jsonl(folder / "pairs", pairs)
    answers = [
        pair | {"completion": pair["rejected" if n % 3 else "chosen"], "label": n % 3 == 0}
        for n, pair in enumerate(pairs)
    ]
    records.write_jsonl(folder / "answers", answers)
    source = {"model": "tiny", "source": {"source": "random"}, "revision": None, "licence": None}
    records.write_json(llama.parent / "card.json", source)

    def prepare(
        adapter=None,
        quantization=None,
        start=None,
        save_steps=2,
        method="sft",
        teacher=None,
        processes=1,
        scripted=False,
        budget=None,
        **settings,
    ):
        fields = {"model": "tiny", "dataset": "chat", "adapter": adapter, "quantization": quantization}
        fields |= {"label": "Trial", "method": method}
        if method == "sft":
            spec = SftRun(**fields, training=SHORT | settings)
        elif method in ("dpo", "kto"):
            spec = {"dpo": DpoRun, "kto": KtoRun}[method](**fields, training=SHORT | settings, samples="play")
        elif method == "distillation":
            spec = DistillationRun(**fields, training=TAUGHT | settings, teacher="other")
        else:
            spec = GrpoRun(**fields, training=GRPO | settings, rewards=Rewards(weights={"correctness": 1.0}))
        return SimpleNamespace(
            base=llama,
            train=folder / {"dpo": "pairs", "kto": "answers"}.get(method, "train"),
            validation=folder / "validation",
            start=[start / "weights"] if start else [],
            teacher=[teacher / "weights"] if teacher else [],
            kind="adapter" if adapter or start else "model",
            processes=processes,
            scripted=scripted,
            budget=budget,
            saving=CheckpointSettings(save_steps=save_steps),
            spec=spec,
        )

    return prepare


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a function that makes attempts at a training, one for each kill and one that ends."""

    def try_once(work, folder, kill=None):
        moment, victim = (kill[:2], kill[2:] or (0,)) if kill else (None, (0,))
        with open(folder / "log", "ab") as log, ThreadPoolExecutor() as pool:

            def start(rank, shared):
                task = folder / f"task{rank}"
                task.write_bytes(pickle.dumps((work, folder, moment if rank in victim else None)))
                command, environment = (str(ATTEMPT), str(task)), {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}
                return run_python(folder, *command, output=log.fileno(), loaded=LIBRARIES, **environment, **shared)

            codes = [pool.submit(start, rank, shared) for rank, shared in enumerate(share(work.processes, folder))]
        ends = not kill or kill[0] == "never"
        code = 0 if ends else TERMINATED if kill[0] in ASKED else -signal.SIGKILL
        assert codes[victim[0]].result() == code, (folder / "log").read_text()

    def run(work, *kills, then=lambda work, folder: None):
        folder = tmp_path_factory.mktemp("results")
        for kill in kills:
            try_once(work, folder, kill)
            then(work, folder)
        if not kills or kills[-1][0] != "never":
            try_once(work, folder)
        return read_result(folder, work.kind)

    return run


def share(processes, folder):
    """Return what a launcher tells each of several processes; nothing if there is one."""
    if processes == 1:
        return [{}]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(processes), "ACCELERATE_USE_CPU": "true"}
    told |= {CHECKPOINTS: str(folder / "checkpoints")}
    return [told | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]


def read_result(folder, kind):
    made = SimpleNamespace(
        folder=folder, log=(folder / "log").read_text(), summary=records.read_json(folder / "summary")
    )
    made.published = {file.name: file.read_bytes() for file in (folder / kind).iterdir()}
    assert sum(name.endswith(".safetensors") for name in made.published) == 1
    history = records.read_jsonl(folder / "history")
    made.seconds = [row["seconds"] for row in history]
    # these are times, and what follows from them
    made.history = [
        {name: value for name, value in row.items() if "second" not in name and not name.endswith(("time", "runtime"))}
        for row in history
    ]
    made.events = [file for file in (folder / "tensorboard").iterdir() if "tfevents" in file.name]
    made.saved = sorted(int(path.name.split("-")[1]) for path in (folder / "checkpoints").glob("checkpoint-*"))
    return made


def run_both(run, work, *kills):
    """Run a training without and with kills, side by side."""
    with ThreadPoolExecutor() as pool:
        results = [pool.submit(run, work), pool.submit(run, work, *kills)]
    return [result.result() for result in results]


@pytest.fixture(scope="module")
def whole(prepare, run):
    return run(prepare(adapter=LORA))


CONSUMED = ("flops", "passed_tokens", "completions")


def assert_equal(result, whole):
    assert result.published == whole.published
    assert result.history == whole.history
    assert result.summary["tokens"] == whole.summary["tokens"] > 0
    assert [result.summary.get(name) for name in CONSUMED] == [whole.summary.get(name) for name in CONSUMED]
    assert result.seconds == sorted(result.seconds)
    assert result.seconds[-1] <= result.summary["train_seconds"] + 0.01


def test_checkpoints_change_nothing_in_a_training_that_is_not_killed(prepare, run, whole):
    assert_equal(run(prepare(adapter=LORA), ("never", 0)), whole)
    assert whole.summary["resumed_at"] == []
    assert [row["step"] for row in whole.history] == [1, 2, 3, 4, 5, 6, 7]


MOMENTS = {
    "before the first checkpoint": ([("step", 1)], []),
    "twice after the same one": ([("step", 3), ("step", 3)], [2]),
    "after one and again after the next": ([("step", 3), ("step", 5)], [2, 4]),
    "with half of a checkpoint written": ([("writing", 4)], [2]),
    "with all but the mark written": ([("marking", 4), ("marking", 6)], [2, 4]),
    "after the last step": ([("publishing", 7)], [7]),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_training_killed_at_any_moment_ends_with_the_same_bytes(prepare, run, whole, moment):
    kills, resumed_at = MOMENTS[moment]
    result = run(prepare(adapter=LORA), *kills)
    assert_equal(result, whole)
    assert result.summary["resumed_at"] == resumed_at
    said = [int(line.rsplit(" ", 1)[1]) for line in result.log.splitlines() if line.startswith("goes on from")]
    assert list(dict.fromkeys(said)) == resumed_at
    assert result.saved == [6, 7]
    assert not (result.folder / "checkpoints/README.md").exists()  # TRL's card, which nobody would read
    # of an attempt that left no whole checkpoint, nothing is kept
    assert len(result.events) == (1 + len(kills) if resumed_at else 1)


@pytest.mark.parametrize("moments", [[("terminated", 2)], [("interrupted", 1), ("terminated", 6)]])
def test_a_training_that_is_asked_to_stop_keeps_the_step_that_it_is_at(prepare, run, whole, moments):
    # 1 and 6 end an epoch and the training with the next step
    result = run(prepare(adapter=LORA, save_steps=100), *moments)
    assert_equal(result, whole)
    kept = [step + 1 for _, step in moments]
    assert result.summary["resumed_at"] == kept
    assert [line for line in result.log.splitlines() if line.startswith("stopped")] == [
        f"stopped at step {step}, which is kept" for step in kept
    ]


def test_a_short_training_has_a_checkpoint_at_its_half_and_at_its_end(prepare, run, whole):
    result = run(prepare(adapter=LORA, save_steps=100), ("step", 5))
    assert_equal(result, whole)
    assert (result.summary["resumed_at"], result.saved) == ([3], [3, 7])


SEVERAL = {
    "accumulated and seldom logged": (
        {
            "adapter": LORA,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 3,
            "logging_steps": 3,
            "lr_scheduler_type": "cosine",
            "warmup_steps": 3,
        },
        5,
    ),
    "sorted by length": ({"adapter": LORA, "train_sampling_strategy": "group_by_length", "save_steps": 3}, 5),
    "evaluated after the epoch": ({"adapter": LORA, "eval_strategy": "epoch", "load_best_model_at_end": True}, 4),
    "quantised": ({"adapter": LORA, "quantization": NF4}, 5),
    "prefix": ({"adapter": PREFIX}, 5),
    "projected prefix": ({"adapter": PROJECTED, "eval_on_start": True, **BEST}, 5),
    "ranks given away": ({"adapter": ADALORA}, 5),
    "all ranks given away": ({"adapter": ADALORA | {"tfinal": 4}}, 5),
    "start drawn at random": ({"adapter": LORA | {"init_lora_weights": "pissa_niter_4"}}, 5),
    "whole model": ({"save_strategy": "steps", "save_steps": 1, **BEST}, 5),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_every_kind_of_training_goes_on_to_the_bit(prepare, run, case):
    settings, step = SEVERAL[case]
    whole, result = run_both(run, prepare(**settings), ("step", step))
    assert_equal(result, whole)
    best = 2 if "load_best_model_at_end" in settings else 7
    assert result.summary["best_step"] == whole.summary["best_step"] == best
    assert result.summary["resumed_at"] == [step - step % settings.get("save_steps", 2)]


def test_an_old_checkpoint_goes_only_when_the_new_one_is_whole(prepare, run, whole):
    result = run(prepare(adapter=LORA, save_total_limit=1), ("marking", 4))
    assert_equal(result, whole)
    assert (result.summary["resumed_at"], result.saved) == ([2], [7])


def test_only_whole_checkpoints_are_found_and_the_newest_is_taken(whole, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(whole.folder / "checkpoints", folder)
    (folder / "checkpoint-7").rename(folder / "checkpoint-10")  # by number, not by name
    (folder / "checkpoint-20").mkdir()
    assert checkpoints.find_checkpoint(folder) == folder / "checkpoint-10"
    assert not (folder / "checkpoint-20").exists()
    (folder / "checkpoint-10" / "optimizer.pt").write_bytes(b"cut")
    assert checkpoints.find_checkpoint(folder) == folder / "checkpoint-6"
    (folder / "checkpoint-6" / checkpoints.TRAINED).unlink()
    assert (folder / "tensorboard").exists()
    assert checkpoints.find_checkpoint(folder) is None
    assert not folder.exists()
    assert checkpoints.find_checkpoint(folder) is None


def test_costs_add_up_over_the_attempts(prepare, run, whole):
    def edit(work, folder):
        file = folder / "checkpoints" / "checkpoint-4" / checkpoints.STATE
        kept = records.read_json(file)
        assert (
            0
            < kept["parts"]["log"]["train_seconds"]
            == pytest.approx(kept["parts"]["log"]["rows"][-1]["seconds"], abs=0.01)
        )
        assert kept["peak_memory_bytes"] > 50_000_000
        kept["parts"]["log"]["train_seconds"] += 1000
        records.write_json(file, kept | {"peak_memory_bytes": 10**15})

    result = run(prepare(adapter=LORA), ("step", 5), then=edit)
    assert_equal(result, whole)
    assert result.seconds[3] < 1000 < result.seconds[4]
    assert result.summary["peak_memory_bytes"] == 10**15 > whole.summary["peak_memory_bytes"]


def test_how_often_to_save_may_change_between_attempts(prepare, run, whole):
    def change(work, folder):
        work.saving = CheckpointSettings(save_steps=3)

    result = run(prepare(adapter=LORA), ("step", 2), ("step", 4), then=change)
    assert_equal(result, whole)
    assert result.summary["resumed_at"] == [2, 3]


@pytest.mark.parametrize("method", ["dpo", "kto"])
@pytest.mark.parametrize("begin", ["new adapter", "from a start"])
def test_preferences_go_on_to_the_bit(prepare, run, whole, begin, method):
    given = {"start": whole.folder / "adapter"} if begin == "from a start" else {"adapter": LORA}
    one, result = run_both(run, prepare(method=method, **given), ("step", 3), ("writing", 6))
    assert_equal(result, one)
    assert result.summary["resumed_at"] == [2, 4]
    assert one.history[-1]["rewards/margins"] > 0


def test_kto_goes_on_in_the_midst_of_an_epoch_of_its_own_order(prepare, run):
    one, result = run_both(run, prepare(method="kto", adapter=LORA, save_steps=1), ("step", 3))
    assert_equal(result, one)
    assert result.summary["resumed_at"] == [3]
    assert one.history[2]["epoch"] == 1.5


def test_a_supervised_run_that_goes_on_from_another_goes_on_to_the_bit(prepare, run, whole):
    one, result = run_both(run, prepare(start=whole.folder / "adapter"), ("step", 3))
    assert_equal(result, one)
    assert one.published != whole.published


DISTILLED = {
    "new adapter": ({"adapter": LORA, "teacher": True}, [("step", 2), ("writing", 4)], [2, 3]),
    "from a start": ({"start": True}, [("step", 3)], [3]),
    "whole model": ({"teacher": True}, [("step", 3)], [3]),
    "accumulated": (
        {"adapter": LORA, "teacher": True, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 3},
        [("step", 1), ("step", 3)],
        [1, 3],
    ),
}


@pytest.mark.parametrize("case", DISTILLED)
def test_distillation_goes_on_to_the_bit(prepare, run, whole, case):
    settings, kills, resumed_at = DISTILLED[case]
    settings |= {name: whole.folder / "adapter" for name in ("start", "teacher") if name in settings}
    one, result = run_both(run, prepare(save_steps=1, method="distillation", **settings), *kills)
    assert_equal(result, one)
    assert result.summary["resumed_at"] == resumed_at
    assert result.summary["teacher_tokens"] == one.summary["teacher_tokens"] > 0


REINFORCED = {
    "new adapter": ({"adapter": LORA}, [("step", 2), ("step", 3)], [2, 3], 5 * 16),
    "from a start": ({"start": True}, [("step", 3)], [3], 5 * 16),
    # of four batches that are sampled at once and used twice, each step uses two: only after step 4 is none left
    "completions used twice": (
        {"adapter": LORA, "steps_per_generation": 4, "num_iterations": 2, "max_steps": 6},
        [("step", 3), ("step", 5)],
        [4],
        2 * 32,
    ),
    # of three batches that are sampled at once, an epoch's only draw, its first step uses two and its second the last
    "a shorter step": ({"adapter": LORA, "steps_per_generation": 3, "max_steps": 4}, [("step", 3)], [2], 2 * 24),
    "leave one out": ({"method": "rloo", "adapter": LORA}, [("step", 3)], [3], 5 * 16),
    "reference that follows": ({"sync_ref_model": True, "ref_model_sync_steps": 1}, [("step", 3)], [3], 5 * 16),
}


@pytest.mark.parametrize("case", REINFORCED)
def test_reinforcement_goes_on_to_the_bit_with_every_completion(prepare, run, whole, case):
    settings, kills, resumed_at, sampled = REINFORCED[case]
    settings = settings | ({"start": whole.folder / "adapter"} if "start" in settings else {})
    work = prepare(save_steps=1, **({"method": "grpo"} | settings))
    one, result = run_both(run, work, *kills)
    assert_equal(result, one)
    assert result.summary["resumed_at"] == resumed_at
    completions = [pandas.read_parquet(made.folder / "completions") for made in (one, result)]
    assert len(completions[0]) == sampled
    assert count_completions(work.spec.model_dump(), one.summary["steps"], questions=8) == sampled
    pandas.testing.assert_frame_equal(*completions)
    assert one.history[-1]["kl"] != 0


def test_a_training_with_a_budget_goes_on_to_the_step_that_crosses_it_and_no_further(prepare, run):
    budget = BudgetSpec(axis="completions", limit=40)
    one, result = run_both(
        run, prepare(method="grpo", adapter=LORA, save_steps=1, budget=budget), ("step", 2), ("publishing", 3)
    )
    assert_equal(result, one)
    assert one.summary["steps"] == result.summary["steps"] == 3
    assert result.summary["budget"] == {"axis": "completions", "limit": 40, "before": 0, "share": 48 / 40}


# a step takes as many rows by one process as by two, each with half of the accumulation
ALIKE = {
    "sft": {"gradient_checkpointing": False, "eval_strategy": "steps", "eval_steps": 1},  # one packs its rows
    "dpo": {},
    "grpo": {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4},
    "rloo": {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4, "steps_per_generation": 4},
    "distillation": {},
}
TWICE = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
COMPARED = ("step", "epoch", "tokens", "loss", "eval_loss", "grad_norm", "reward", "rewards/margins")


@pytest.mark.parametrize("method", ALIKE)
def test_two_processes_learn_what_one_learns(prepare, run, whole, method):
    settings = TWICE | ALIKE[method] | {"adapter": LORA | {"lora_dropout": 0.0}, "method": method, "scripted": True}
    settings |= {"teacher": whole.folder / "adapter"} if method == "distillation" else {}
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(lambda count: run(prepare(processes=count, **settings)), (1, 2))
    assert len(one.history) == len(two.history) > 0
    for row, other in zip(one.history, two.history, strict=True):
        found, expected = ({name: made[name] for name in COMPARED if name in made} for made in (other, row))
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
    costs = ("tokens", "steps", "best_step", "trainable_parameters", *CONSUMED)
    assert [two.summary.get(name) for name in costs] == [one.summary.get(name) for name in costs]
    assert (one.summary["processes"], two.summary["processes"]) == (1, 2)
    assert two.log.count("step 3 of ") == one.log.count("step 3 of ")  # only the first process reports
    if method in ("grpo", "rloo"):
        first, second = (pandas.read_parquet(made.folder / "completions") for made in (one, two))
        pandas.testing.assert_frame_equal(first, second, rtol=1e-4)
        assert set(first["truncated"]) == {False}


SHARED = {
    "sft": ({"method": "sft", "logging_steps": 3}, [("step", 3, 1), ("writing", 4, 1), ("step", 5, 0)], [2, 4]),
    "grpo": ({"method": "grpo", "save_steps": 1}, [("writing", 2, 0), ("step", 3, 1)], [1, 3]),
}


@pytest.mark.parametrize("method", SHARED)
def test_a_shared_training_goes_on_to_the_bit_whichever_process_is_killed(prepare, run, method):
    settings, kills, resumed_at = SHARED[method]
    work = prepare(adapter=LORA, processes=2, gradient_accumulation_steps=2, **settings)
    one, result = run_both(run, work, *kills)
    assert_equal(result, one)
    assert result.summary["resumed_at"] == resumed_at
    if method == "grpo":
        completions = [pandas.read_parquet(made.folder / "completions") for made in (one, result)]
        pandas.testing.assert_frame_equal(*completions)
