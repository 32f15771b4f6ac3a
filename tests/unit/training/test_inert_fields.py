"""What `needs` in fields.toml says of the trainers' fields, found by training: unread ones change nothing, to the bit.

Each case is a set of settings that choose what is read, and other values of fields. Those that the table calls unread
are changed together, which must leave the trained weights and the log as they are; each of the others is changed alone,
which must not.
"""

import hashlib
import itertools
from fnmatch import fnmatchcase
from types import SimpleNamespace

import pytest

from tests.unit.training.preference_kinds import LORA
from tests.unit.training.training_jobs import build_job
from tunelab.config.drafts import Draft
from tunelab.config.fields import load_classes
from tunelab.config.inert_checks import is_read
from tunelab.config.method_checks import LOSSES
from tunelab.config.methods import METHODS
from tunelab.config.specs.training import DistillationRun, DpoRun, GrpoRun, KtoRun, Rewards, SftRun
from tunelab.training import distillation, dpo, grpo, kto, sft

SHORT = {"max_steps": 2, "learning_rate": 1e-2, "report_to": "none", "save_strategy": "no", "logging_steps": 1}
SHORT |= {"gradient_checkpointing": False}
SAMPLED = {"per_device_train_batch_size": 8, "num_generations": 4, "num_iterations": 2, "max_completion_length": 4}
CLIPPING = ("bnpo", "dapo", "dr_grpo", "grpo", "luspo")
BOUNDS = {"epsilon": 0.01, "epsilon_high": 0.02, "delta": 1.03, "importance_sampling_level": "sequence"}
SHAPES = {"sapo_temperature_neg": 3.0, "sapo_temperature_pos": 4.0}
SHAPES |= {"vespo_k_neg": 1.0, "vespo_k_pos": 1.0, "vespo_lambda_neg": 1.0, "vespo_lambda_pos": 1.0}
ASIDE = ("step_time", "_per_second", "runtime", "rewards/", "logps/")  # logged, but no part of the training
# method, settings, other values
CASES = {
    **{f"grpo {loss}": ("grpo", {"loss_type": loss}, BOUNDS | SHAPES) for loss in (*CLIPPING, "sapo")},
    "grpo vespo": ("grpo", {"loss_type": "vespo", "learning_rate": 1e-3}, BOUNDS | SHAPES),
    "grpo cispo": ("grpo", {"loss_type": "cispo", "epsilon_high": 1.01}, BOUNDS | SHAPES | {"epsilon_high": 1.2}),
    "grpo cispo without a bound of its own": ("grpo", {"loss_type": "cispo", "epsilon": 1.01}, {"epsilon": 1.2}),
    "grpo vespo with a divergence": (
        *("grpo", {"loss_type": "vespo", "beta": 0.1}),
        {"importance_sampling_level": "sequence", "use_bias_correction_kl": False},
    ),
    "grpo vespo with a plain divergence": (
        *("grpo", {"loss_type": "vespo", "beta": 0.1, "use_bias_correction_kl": False}),
        {"importance_sampling_level": "sequence"},
    ),
    "grpo summed": (
        *("grpo", {"multi_objective_aggregation": "sum_then_normalize"}),
        {"scale_rewards": "batch", "use_bias_correction_kl": False, "beta": 0.1, "top_entropy_quantile": 0.5}
        | {"entropy_coef": 0.1, "temperature": 0.9, "top_k": 3, "top_p": 0.5, "min_p": 0.2, "repetition_penalty": 1.3}
        | {"entropy_coef_max": 0.5, "entropy_coef_min": -0.5, "entropy_coef_delta": 0.1, "entropy_target": 9.0}
        | {"off_policy_mask_threshold": 0.0, "use_adaptive_entropy": True, "shuffle_dataset": False}
        | {"ref_model_mixup_alpha": 0.1, "ref_model_sync_steps": 1},
    ),
    "grpo normalised": ("grpo", {"multi_objective_aggregation": "normalize_then_sum"}, {"scale_rewards": "batch"}),
    "grpo with a divergence": ("grpo", {"beta": 0.1}, {"use_bias_correction_kl": False}),
    "grpo by entropy": (
        *("grpo", {"use_adaptive_entropy": True, "entropy_coef": 0.3, "entropy_target": 9.0}),
        {"entropy_coef_max": 0.1, "entropy_coef_delta": 0.1, "entropy_target": 0.0},
    ),
    "grpo by falling entropy": (
        *("grpo", {"use_adaptive_entropy": True, "entropy_coef": 0.3, "entropy_target": 0.0}),
        {"entropy_coef_min": 0.299},
    ),
    "rloo": (
        *("rloo", {"beta": 0.1}),
        {"epsilon": 0.01, "epsilon_high": 0.02, "normalize_advantages": True, "reward_clip_range": [6.0, 9.0]}
        | {"temperature": 0.9, "ref_model_sync_steps": 1},
    ),
    "grpo with a reference that follows": (
        *("grpo", {"beta": 0.1, "sync_ref_model": True, "ref_model_sync_steps": 1, "num_iterations": 1}),
        {"ref_model_mixup_alpha": 0.1, "ref_model_sync_steps": 2},
    ),
    "rloo that draws anew": ("rloo", {"beta": 0.1, "num_iterations": 1}, {"beta": 0.2}),
    **{
        f"dpo {loss}": (
            *("dpo", {"loss_type": [loss], "label_smoothing": 0.1}),
            {"beta": 0.5, "label_smoothing": 0.2, "discopop_tau": 1.0, "ld_alpha": 0.3}
            | {"f_alpha_divergence_coef": 0.9},
        )
        for loss in LOSSES
    },
    "dpo alpha divergence": (
        *("dpo", {"f_divergence_type": "alpha_divergence"}),
        {"f_alpha_divergence_coef": 0.9, "use_weighting": True, "discopop_tau": 1.0},
    ),
    "dpo sft and sigmoid": (
        *("dpo", {"loss_type": ["sft", "sigmoid"]}),
        {"beta": 0.5, "f_divergence_type": "forward_kl", "loss_weights": [1.0, 0.3]},
    ),
    "dpo sft by a divergence": ("dpo", {"loss_type": ["sft"]}, {"f_divergence_type": "forward_kl"}),
    **{
        f"kto {loss}": (
            *("kto", {"loss_type": loss}),
            {"beta": 0.5, "desirable_weight": 2.0, "undesirable_weight": 3.0, "data_seed": 5},
        )
        for loss in ("kto", "apo_zero_unpaired")
    },
    "distillation": (
        *("distillation", {}),
        {"beta": 0.5, "temperature": 0.9, "top_k": 3, "top_p": 0.5, "min_p": 0.2, "shuffle_dataset": False},
    ),
    **{
        f"sft {loss}": ("sft", {"loss_type": loss}, {"label_smoothing_factor": 0.1, "neftune_noise_alpha": 5.0})
        for loss in ("nll", "chunked_nll", "dft")
    },
    **{
        f"sft {order}": ("sft", {"train_sampling_strategy": order}, {"data_seed": 5})
        for order in ("random", "sequential", "group_by_length", "batch_rebalance")
    },
    **{
        f"sft {optimizer}": (
            *("sft", {"optim": optimizer, "adam_epsilon": 0.1}),
            {"adam_beta1": 0.5, "adam_beta2": 0.5, "adam_epsilon": 1.0, "weight_decay": 0.5},
        )
        for optimizer in ("adamw_torch", "adamw_torch_fused", "adafactor", "adagrad", "rmsprop", "sgd")
    },
    **{
        f"sft {schedule}": ("sft", {"lr_scheduler_type": schedule} | others, {"warmup_steps": 1})
        for schedule, others in (
            *(("constant", {}), ("constant_with_warmup", {}), ("linear", {}), ("cosine", {}), ("polynomial", {})),
            *(("cosine_with_restarts", {}), ("inverse_sqrt", {})),
            ("cosine_with_min_lr", {"lr_scheduler_kwargs": {"min_lr": 1e-4}}),
            ("cosine_warmup_with_min_lr", {"lr_scheduler_kwargs": {"min_lr": 1e-4}}),
            ("warmup_stable_decay", {"lr_scheduler_kwargs": {"num_decay_steps": 1}}),
            ("reduce_lr_on_plateau", {"eval_strategy": "steps", "eval_steps": 1}),
            ("greedy", {"eval_strategy": "steps", "eval_steps": 1}),
        )
    },
    "sft without evaluation": (
        *("sft", {}),
        {"eval_steps": 1, "eval_delay": 1, "eval_on_start": True, "per_device_eval_batch_size": 1, "eval_packing": True}
        | {"packing_strategy": "wrapped", "logging_steps": 2, "save_steps": 1, "metric_for_best_model": "loss"},
    ),
    "sft with one evaluation": (
        *("sft", {"eval_on_start": True}),
        {"per_device_eval_batch_size": 1, "eval_packing": True, "eval_steps": 1, "eval_delay": 1},
    ),
    "sft with evaluations": (
        *("sft", {"eval_strategy": "steps", "eval_steps": 2}),
        {"eval_steps": 1, "eval_delay": 3, "per_device_eval_batch_size": 1, "metric_for_best_model": "loss"},
    ),
    "sft evaluated when it logs": ("sft", {"eval_strategy": "steps"}, {"logging_steps": 2}),
    "sft by epochs": (
        *("sft", {"eval_strategy": "epoch", "logging_strategy": "epoch"}),
        {"eval_steps": 1, "logging_steps": 2, "eval_delay": 2},
    ),
    "sft packed": ("sft", {"packing": True, "max_length": 96}, {"packing_strategy": "wrapped"}),
}
# what no two steps on a CPU show; the table's lines were read in the libraries' source
READ_ALONE = {
    *("accelerator_config.*", "cache_implementation", "dataloader_*", "greater_is_better", "liger_kernel_config"),
    *("log_unique_prompts", "lr_scheduler_kwargs.*", "metric_for_best_model", "num_completions_to_print", "project"),
    *("repetition_penalty", "router_aux_loss_coef", "run_name", "save_steps", "save_total_limit", "sync_ref_model"),
    *("trackio_*", "transformers_continuous_batching_config", "vllm_*", "weight_decay"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    parent, number = tmp_path_factory.mktemp("runs"), itertools.count()

    def make():
        folder = parent / str(next(number))
        folder.mkdir()
        return folder

    return make


@pytest.fixture(scope="module")
def start(train_sft, publish, llama):
    return publish(train_sft(llama, LORA, max_steps=6, gradient_checkpointing=False))


@pytest.fixture(scope="module")
def train(llama, start, rows, folders):
    """Return a function that trains by a method under settings, and returns what came of it, as one text."""
    few = rows[:8]
    pairs = [
        {"id": row["id"], "messages": row["messages"][:1], "chosen": row["messages"][1]}
        | {"rejected": {"role": "assistant", "content": "No" + " idea" * (index % 3)}}
        for index, row in enumerate(few)
    ]
    answers = [
        {"id": row["id"], "messages": row["messages"][:1], "completion": row["messages"][1], "label": index % 2 == 0}
        for index, row in enumerate(few)
    ]
    named = {"label": "Trial", "model": "tiny", "dataset": "sums"}

    def length(completion_ids, **others):
        return [float(len(ids) + ids[0] % 7) for ids in completion_ids]

    def last(completion_ids, **others):
        return [float(ids[-1] % 5) for ids in completion_ids]

    def run(method, settings):
        given = SHORT | (SAMPLED if method in ("grpo", "rloo") else {"per_device_train_batch_size": 4}) | settings
        if method == "distillation":
            given |= {"max_completion_length": 4}
        fields = named | {"method": method, "training": given, "adapter": None}
        folder = folders()
        if method == "sft":
            given = {"max_length": 128} | given
            spec = SftRun(**fields | {"training": given})
            return sft.train(build_job(llama, folder, spec), few, rows[8:])
        if method in ("dpo", "kto"):
            kind, room, learnt = (DpoRun, dpo, pairs) if method == "dpo" else (KtoRun, kto, answers)
            return room.train(build_job(llama, folder, kind(**fields, samples="play")), learnt)
        if method == "distillation":
            teacher = distillation.Teacher(llama, start)
            spec = DistillationRun(**fields, teacher="long")
            return distillation.train(build_job(llama, folder, spec), rows, teacher)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(grpo, "build_reward_functions", lambda spec: ([length, last], [1.0, 0.5]))
            spec = GrpoRun(**fields, rewards=Rewards(weights={"correctness": 1.0}))
            return grpo.train(build_job(llama, folder, spec), rows)

    def summarise(method, settings):
        trainer = run(method, settings)[0]
        weights = hashlib.sha256()
        for weight in trainer.model.state_dict().values():
            weights.update(weight.numpy().tobytes())
        logged = trainer.state.log_history
        told = [{name: row[name] for name in row if not any(part in name for part in ASIDE)} for row in logged]
        return weights.hexdigest(), told

    return summarise


def list_read(method, settings, changes):
    run = SimpleNamespace(method=method, training=Draft(SHORT | settings, given=settings))
    return {name for name in changes if is_read(run, name)}


def test_every_line_of_the_table_is_tried_both_ways_unless_it_is_known_from_reading_alone():
    lines = {name for method in METHODS.values() for name in load_classes(method.config).needs}
    lines = {name for name in lines if not any(fnmatchcase(name, known) for known in READ_ALONE)}
    tried = [(list_read(*case), set(case[2])) for case in CASES.values()]
    assert lines <= {name for read, _ in tried for name in read}
    assert lines <= {name for read, changed in tried for name in changed - read}


@pytest.mark.parametrize("case", CASES)
def test_a_field_changes_something_where_the_table_says_so_and_there_alone(train, case):
    method, settings, changes = CASES[case]
    read = list_read(method, settings, changes)
    plain = train(method, settings)
    unread = {name: value for name, value in changes.items() if name not in read}
    if unread:
        assert train(method, settings | unread) == plain, sorted(unread)
    for name in read:
        assert train(method, settings | {name: changes[name]}) != plain, name
