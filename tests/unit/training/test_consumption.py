"""What a training consumed, against torch's own counter, and against formulae of the shapes."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils.checkpoint import set_checkpoint_early_stop
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count
from transformers import Trainer
from trl.trainer import distillation_trainer
from trl.trainer import utils as trl_utils

from tests.unit.training.preference_kinds import KINDS
from tests.unit.training.training_jobs import build_job
from tunelab import records
from tunelab.config.specs.study import BudgetSpec
from tunelab.config.specs.training import DistillationRun, DpoRun, GrpoRun, KtoRun, Rewards, SftRun
from tunelab.errors import UserError
from tunelab.training import distillation, dpo, grpo, kto, packed_head, rollouts, sft
from tunelab.training.budget import Budget, read_budget

SHORT = {"max_steps": 2, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "report_to": "none"}
SHORT |= {"gradient_checkpointing": False}
DRAWING = {"max_completion_length": 12}
SETTINGS = {
    "sft": {"max_length": 128, "eval_strategy": "steps", "eval_steps": 1},
    "dpo": {"max_length": 128},
    "kto": {"max_length": 128},
    "grpo": DRAWING | {"num_generations": 4, "beta": 0.05},
    "rloo": DRAWING | {"num_generations": 4, "beta": 0.05},
    "distillation": DRAWING,
}
SPECS = {"sft": SftRun, "dpo": DpoRun, "kto": KtoRun, "grpo": GrpoRun, "rloo": GrpoRun, "distillation": DistillationRun}


@pytest.fixture(scope="module")
def even():
    """Twelve conversations of one length."""
    return [
        {
            "id": f"row{number}",
            "messages": [
                {"role": "user", "content": f"{chr(97 + number)}? " * 12},
                {"role": "assistant", "content": f"{chr(97 + number)}!" * 8},
            ],
            "answer": str(number),
        }
        for number in range(12)
    ]


@pytest.fixture(scope="module")
def teacher(train_sft, publish, llama):
    return distillation.Teacher(llama, publish(train_sft(llama, KINDS["lora"], max_steps=12)))


@pytest.fixture
def train(tmp_path_factory, even, llama, teacher, monkeypatch):
    """Return a function that trains with a method, and counts by torch what its steps compute."""
    monkeypatch.setattr(grpo, "build_reward_functions", lambda spec: ([reward_letters], [1.0]))

    def train(method, adapter=None, start=None, plainly=True, budget=None, **settings):
        fields = {"method": method, "label": "Trial", "model": "tiny", "dataset": "chat", "adapter": adapter}
        fields |= {
            "dpo": {"samples": "play"},
            "kto": {"samples": "play"},
            "distillation": {"teacher": "other"},
        }.get(method, {"rewards": Rewards(weights={"correctness": 1.0})} if method in ("grpo", "rloo") else {})
        spec = SPECS[method](**fields, training=SHORT | SETTINGS[method] | settings)
        job = build_job(llama, tmp_path_factory.mktemp("checkpoints"), spec, init_from=start, budget=budget)
        counter = FlopCounterMode(display=False, custom_mapping=UNKNOWN)
        learn = Trainer.train

        def watch(trainer, *given, **named):
            with counter, set_checkpoint_early_stop(False):  # it leaves out the last product of a layer
                return learn(trainer, *given, **named)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "train", watch)
            if plainly:
                compute_plainly(patch)
            trained = {
                "sft": lambda: sft.train(job, even[:8], even[8:]),
                "dpo": lambda: dpo.train(job, build_pairs(even)),
                "kto": lambda: kto.train(job, build_pairs(even)),
                "grpo": lambda: grpo.train(job, even),
                "rloo": lambda: grpo.train(job, even),
                "distillation": lambda: distillation.train(job, even, teacher),
            }[method]()
        run = SimpleNamespace(counted=counter.get_total_flops())
        run.trainer, run.history, run.costs = trained
        return run

    return train


def build_pairs(rows):
    no = {"rejected": {"role": "assistant", "content": "no" * 8}}
    return [{"id": row["id"], "messages": row["messages"][:1], "chosen": row["messages"][1]} | no for row in rows]


def reward_letters(prompts, completions, **others):
    return [float(sum(map(ord, turns[0]["content"])) % 7) for turns in completions]


def count_attention(query, key, value, *others, **more):
    return sdpa_flop_count(query, (*query[:2], *key[2:]), (*query[:2], *value[2:]))


def count_attention_backward(grad, query, key, value, *others, **more):
    return sdpa_backward_flop_count(grad, query, (*query[:2], *key[2:]), (*query[:2], *value[2:]))


def count_added(into, first, second, *others, **more):
    return 2 * first[0] * first[1] * second[1]


UNKNOWN = {  # operators that torch's counter leaves out
    torch.ops.aten.addmm_: count_added,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: count_attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: count_attention_backward,
}


class PlainLogProbs:
    """TRL's product of hidden states and head, without computing its logits again on the way back."""

    @staticmethod
    def apply(states, weight, bias, labels, temperature, *others):
        logprobs = torch.log_softmax(states @ weight.T / temperature, -1)
        chosen = logprobs.gather(1, labels[:, None])[:, 0]
        entropy = -(logprobs.exp() * logprobs).sum(-1).detach()
        return chosen, entropy, None, logprobs.mean(-1).detach(), logprobs.argmax(-1) == labels


def compute_plainly(patch):
    """Have each row computed by itself: nothing shared, merged or computed again, and no label that is not learnt."""

    def read(model, ids, mask, wanted, prefix=None):
        return model.base_model(ids, attention_mask=mask, past_key_values=prefix).last_hidden_state[:, :-1][wanted]

    patch.setattr(packed_head, "compute_hidden_states", read)
    patch.setattr(rollouts, "find_generate", lambda model, config: (model.generate, "generate"))
    patch.setattr(trl_utils, "_use_triton", lambda device: True)  # which projects labelled tokens only
    patch.setattr(trl_utils, "_ChunkedLogProbFunction", PlainLogProbs)
    patch.setattr(distillation_trainer, "_chunked_divergence_loss", diverge_plainly)


def diverge_plainly(student, teacher, student_head, teacher_head, mask, beta, num_items_in_batch=None, **others):
    kept = mask.reshape(-1) != 0
    one, other = (
        torch.log_softmax(states.reshape(-1, states.shape[-1])[kept] @ head.T, -1)
        for states, head in ((student, student_head), (teacher, teacher_head))
    )
    distance = (other.exp() * (other - one)).sum() / kept.sum()
    return distance, -(one.exp() * one).sum(), kept.sum()


FAMILIES = ("lora", "prefix", "prompt", "ia3", "full")
# TRL takes the hidden states of a model that is taught itself, without virtual tokens
CASES = [(method, kind) for method in SETTINGS for kind in FAMILIES if (method, kind[0]) != ("distillation", "p")]


@pytest.mark.parametrize(("method", "family"), CASES)
def test_what_is_counted_is_what_torch_counts(train, method, family):
    run = train(method, KINDS[family])
    assert sum(run.costs["flops"].values()) == pytest.approx(run.counted, rel=0.01)


UPPER = {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": [1]}
OTHERS = {
    "recomputed adapter": ("sft", {"adapter": KINDS["lora"], "gradient_checkpointing": True}),
    "recomputed model": ("dpo", {"gradient_checkpointing": True}),
    "recomputed after drawing": ("grpo", {"adapter": KINDS["lora"], "gradient_checkpointing": True}),
    "upper layer": ("sft", {"adapter": KINDS["lora"] | UPPER}),
    "some modules": ("kto", {"adapter": KINDS["lora"] | {"target_modules": ["v_proj", "down_proj"]}}),
    "projected prefix": ("sft", {"adapter": KINDS["prefix"] | {"prefix_projection": True, "encoder_hidden_size": 64}}),
    "from a start": ("dpo", {"start": True}),
    "old policy": ("grpo", {"adapter": KINDS["lora"], "num_iterations": 2, "steps_per_generation": 1}),
    "smaller micro-batches": ("rloo", {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_so_it_is_however_a_training_goes(train, teacher, case):
    method, settings = OTHERS[case]
    run = train(method, **settings | ({"start": teacher.artefact} if "start" in settings else {}))
    assert sum(run.costs["flops"].values()) == pytest.approx(run.counted, rel=0.01)


@pytest.mark.parametrize("method", ["sft", "dpo", "kto"])
def test_packed_rows_count_as_if_each_were_computed_by_itself(train, method):
    packed, plain = (train(method, KINDS["lora"], plainly=plainly) for plainly in (False, True))
    assert packed.costs["scoring"] == "packed rows"
    assert packed.counted < plain.counted
    assert packed.costs["flops"] == plain.costs["flops"]


def test_a_history_tells_what_was_consumed_by_each_step(train):
    run = train("grpo", KINDS["lora"])
    assert [row["completions"] for row in run.history] == [4, 8]
    assert [row["flops"] for row in run.history][-1] == sum(run.costs["flops"].values())
    assert run.costs["completions"] == 8 == len(run.trainer.recorded)
    assert set(run.costs["flops"]) == {"training", "drawing", "reference"}
    # the last token of a completion is drawn, and passes no more
    assert run.costs["passed_tokens"]["training"] == run.costs["passed_tokens"]["drawing"] + 8 == run.costs["tokens"]


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        ("sft", {"training", "validation"}),
        ("dpo", {"training", "reference"}),
        ("distillation", {"training", "drawing", "teacher"}),
    ],
)
def test_each_part_stands_by_itself(train, method, parts):
    costs = train(method, KINDS["lora"]).costs
    assert set(costs["flops"]) == set(costs["passed_tokens"]) == parts
    assert ("completions" in costs) == (method == "distillation")
    assert costs["passed_tokens"]["training"] == costs["tokens"]


def find_total(run, step):
    return next(row["flops"] for row in run.history if row["step"] == step)


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_a_training_ends_with_the_step_that_crosses_its_budget(train, method):
    settings = {"max_steps": 5} | ({"eval_strategy": "no"} if method == "sft" else {})
    whole = train(method, KINDS["lora"], **settings)
    assert whole.costs["steps"] == 5 and "budget" not in whole.costs
    within, crossed = find_total(whole, 2), find_total(whole, 3)
    for limit, steps in ((within, 2), (within + 1, 3), (crossed, 3), (10 * crossed, 5)):
        run = train(method, KINDS["lora"], budget=Budget("flops", 1000 + limit, 1000), **settings)
        assert run.costs["steps"] == steps
        spent = 1000 + sum(run.costs["flops"].values())
        assert run.costs["budget"]["share"] == pytest.approx(spent / (1000 + limit))
        assert (run.costs["budget"]["share"] >= 1) == (steps < 5)


@pytest.mark.parametrize(("axis", "limit", "steps"), [("completions", 12, 3), ("tokens", 1, 1), ("seconds", 1e-6, 1)])
def test_every_axis_ends_a_training(train, axis, limit, steps):
    run = train("grpo", KINDS["lora"], budget=Budget(axis, limit, 0), max_steps=4)
    assert run.costs["steps"] == steps
    assert run.costs["budget"]["axis"] == axis


def test_what_a_run_began_from_counts_and_must_leave_some_of_the_budget(tmp_path):
    spent = {"flops": {"training": 60, "validation": 10}, "passed_tokens": {"training": 5}, "train_seconds": 3.0}
    drawn = {"flops": {"drawing": 20}, "passed_tokens": {"drawing": 4}, "answers": 8, "seconds": 1.5}
    files = [tmp_path / "training.json", tmp_path / "summary.json"]
    for file, costs in zip(files, (spent, drawn), strict=True):
        records.write_json(file, costs)
    before = {"flops": 90, "tokens": 9, "completions": 8, "seconds": 4.5}
    for axis, amount in before.items():
        assert read_budget(BudgetSpec(axis=axis, limit=100), files) == Budget(axis, 100, amount)
    with pytest.raises(
        UserError, match=r"^study.budget.limit: 90 flops are spent before the first step.*training.json: 70"
    ):
        read_budget(BudgetSpec(axis="flops", limit=90), files)
    assert read_budget(None, []) is None
