"""What a run asks of its model is found in the model's config, without weights and before anything is trained."""

import pytest

from tests.unit.models.test_every_adapter import CASES
from tunelab import records
from tunelab.config.specs.training import SftRun
from tunelab.config.target_checks import check_targets
from tunelab.errors import UserError
from tunelab.models import inspection

LORA = {"peft_type": "LORA"}
ENDS = "'model', 'embed_tokens', 'layers', 'self_attn', 'q_proj', 'k_proj', 'v_proj', 'o_proj', 'mlp', 'gate_proj'"


@pytest.fixture(scope="module")
def parts(llama):
    return inspection.list_parts(inspection.build_empty(llama))


def refuse(parts, adapter, **training):
    return [(".".join(path), text) for path, text in check_targets("mine", adapter, training, parts)]


def test_a_models_parts_are_listed_without_weights(parts, llama):
    assert all(weight.is_meta for weight in inspection.build_empty(llama).parameters())
    assert (parts["model_type"], parts["layers"], parts["vocabulary"], parts["head"]) == ("llama", 2, 259, "lm_head")
    assert (parts["window"], parts["routed"]) == (None, False)
    assert "model.layers.1.mlp.down_proj" in parts["modules"]


# fields of a LoRA, the last of them asking for what is not there, and how the answer to it begins
LACKING = [
    ({"target_modules": ["query_key_value"]}, f"the model has no module 'query_key_value' (it has {ENDS}"),
    ({"target_modules": ["q_proj", "v_projj"]}, "the model has no module 'v_projj' (did you mean v_proj?)"),
    ({"target_modules": r".*attention\..*"}, "the model has no module "),
    ({"target_modules": "*proj"}, "is no pattern that names can be matched with (nothing to repeat"),
    ({"target_modules": ["q_proj", "lm_head"]}, "TRL cannot train an adapter on lm_head; name it in modules_to_save"),
    ({"target_modules": ".*(q_proj|lm_head)"}, "TRL cannot train an adapter on lm_head; name it in modules_to_save"),
    ({"modules_to_save": ["lmhead"]}, "the model has no module 'lmhead' (did you mean lm_head?)"),
    ({"exclude_modules": ["query"]}, "the model has no module 'query'"),
    ({"target_modules": ["q_proj"], "layers_to_transform": [1, 2]}, "the model has 2, numbered from 0 (got '2')"),
    ({"target_parameters": ["experts.down_proj"]}, "the model has no module 'experts.down_proj'"),
    ({"rank_pattern": {"q_prj": 4}}, "meets no module that the adapter is put on"),
    ({"target_modules": ["q_proj"], "alpha_pattern": {"v_proj": 4}}, "meets no module that the adapter is put on"),
    ({"trainable_token_indices": [7, 5000]}, "the model has 259, numbered from 0 (got '5000')"),
]


@pytest.mark.parametrize(("fields", "start"), LACKING)
def test_what_a_model_has_not_got_is_named(parts, fields, start):
    ((path, text),) = refuse(parts, LORA | fields)
    named = list(fields)[-1]
    inner = f".{next(iter(fields[named]))}" if named.endswith("_pattern") else ""
    assert path == f"runs.mine.adapter.{named}{inner}"
    assert text.startswith(start)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"target_modules": "all-linear"},
        {"target_modules": ["self_attn.q_proj", "embed_tokens"], "layers_to_transform": 1},
        {"rank_pattern": {"q_proj": 4, r"layers\.1\.self_attn\.v_proj": 2}, "target_parameters": ["norm.weight"]},
        {"target_modules": r".*\.[01]\.mlp\.(up|down)_proj", "modules_to_save": ["lm_head"]},
    ],
)
def test_what_it_has_is_taken_by_the_ends_of_names_and_by_patterns(parts, fields):
    assert refuse(parts, LORA | fields) == []


def test_what_is_to_be_left_unquantised_must_be_there(parts):
    def check(names):
        return list(check_targets("mine", None, {}, parts, {"load_in_8bit": True, "llm_int8_skip_modules": names}))

    assert check(["lm_head", "model.layers.0"]) == check(None) == []
    ((path, text),) = check(["lm_haed"])
    assert path == ("runs", "mine", "quantization", "llm_int8_skip_modules")
    assert text == "the model has no module 'lm_haed' (did you mean lm_head?)"


def test_layers_beyond_the_model_are_told_though_pefts_own_error_is_of_another_kind(llama):
    refusal = inspection.find_refusal(llama, "mine", LORA | {"layer_replication": [[0, 9]]})
    assert "PEFT refuses it" in refusal.text


def test_experts_are_weighted_only_where_there_are_some(parts):
    ((path, text),) = refuse(parts, None, router_aux_loss_coef=0.01)
    assert path == "runs.mine.training.router_aux_loss_coef"
    assert text == "a model of type llama routes no tokens to experts; leave it out"
    assert refuse(parts | {"routed": True}, None, router_aux_loss_coef=0.01) == []


@pytest.mark.parametrize(
    ("config", "window"),
    [
        ({"model_type": "mistral", "sliding_window": 12}, 12),
        ({"model_type": "mistral", "sliding_window": None}, None),
        ({"model_type": "qwen2", "sliding_window": 12, "use_sliding_window": False}, None),
        ({"model_type": "gemma2", "sliding_window": 16}, 16),
    ],
)
def test_a_prefix_is_refused_where_tokens_see_a_window_alone(tmp_path, config, window):
    records.write_json(tmp_path / "config.json", config | {"num_hidden_layers": 2, "hidden_size": 64})
    parts = inspection.list_parts(inspection.build_empty(tmp_path))
    assert parts["window"] == window
    found = refuse(parts, {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 4})
    assert [path for path, _ in found] == (["runs.mine.adapter.peft_type"] if window else [])
    assert refuse(parts, LORA) == []


def test_what_pefts_own_code_refuses_is_told_with_the_run(parts, llama):
    def build(adapter):
        fields = {"label": "Mine", "model": "tiny", "dataset": "chat", "training": {}}
        return SftRun(method="sft", adapter=adapter, **fields)

    runs = {"fine": build(LORA), "odd": build({"peft_type": "C3A", "block_size": 7}), "whole": build(None)}
    with pytest.raises(UserError, match=r"^runs.odd.adapter: PEFT refuses it: .* the block size is 7$"):
        inspection.check_runs(llama, runs, parts)
    runs["odd"] = build(LORA | {"target_modules": ["c_attn"]})
    with pytest.raises(UserError, match=r"^runs.odd.adapter.target_modules: the model has no module 'c_attn'"):
        inspection.check_runs(llama, runs, parts)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fields", CASES, ids=lambda fields: "-".join(map(str, fields.values())))
def test_no_adapter_that_can_be_trained_is_refused(fields, parts, llama):
    if "alora_invocation_tokens" in fields:
        fields = fields | {"alora_invocation_tokens": [1]}
    assert refuse(parts, fields) == []
    assert inspection.find_refusal(llama, "mine", fields) is None
