"""What a run asks of its model is found in the model's config, without weights and before anything is trained."""

import pytest

from tests.unit.models.test_every_adapter import CASES
from tunelab import records
from tunelab.config.module_checks import check_targets
from tunelab.config.specs.training import SftRun
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
    ({"alora_invocation_tokens": [259]}, "the model has 259, numbered from 0 (got '259')"),
    ({"layers_to_transform": [0], "layers_pattern": "blocks"}, "the model has no list of layers 'blocks' (it has 'lay"),
    ({"layers_to_transform": 0, "layers_pattern": ["layers", "h"]}, "the model has no list of layers 'h' (it has 'lay"),
    ({"layers_to_transform": 0, "layers_pattern": "layers("}, "the model has no list of layers 'layers(' (it has 'lay"),
    ({"layer_replication": [[0, 2], [1, 3]]}, "the model has 2 layers, so that a pair ends at 2 at most (got [1, 3])"),
    ({"layer_replication": [[0, 2], [1, 2]], "layers_to_transform": 3}, "the model has 3, numbered from 0 (got '3')"),
]


@pytest.mark.parametrize(("fields", "start"), LACKING)
def test_what_a_model_has_not_got_is_named(parts, fields, start):
    ((path, text),) = refuse(parts, LORA | fields)
    named = list(fields)[-1]
    inner = f".{next(iter(fields[named]))}" if isinstance(fields[named], dict) else ""
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
        {"trainable_token_indices": {"embed_tokens": [258]}, "alora_invocation_tokens": [0]},
        {"layers_to_transform": [1], "layers_pattern": ["layers"]},
        {"layers_to_transform": [1], "layers_pattern": "lay.*"},
        {"layer_replication": [[0, 2], [0, 2]], "layers_to_transform": [3], "rank_pattern": {"layers.3.*": 2}},
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


# what an adapter asks of single tokens, of a model that shares rows with its output layer or not
TOKENS = [
    (LORA, {"trainable_token_indices": {"embed_tokens": [7, 300]}}, False, "the model has 259, numbered from 0"),
    (LORA, {"trainable_token_indices": {"q_proj": [7]}}, False, "tokens can be trained in model.embed_tokens alone"),
    (LORA, {"trainable_token_indices": {"lm_head": [7]}}, False, "tokens can be trained in model.embed_tokens alone"),
    (LORA, {"trainable_token_indices": {"embed_tokens": [7]}}, True, "the output layer of this model shares the rows"),
    (LORA, {"trainable_token_indices": [7]}, True, "the output layer of this model shares the rows of model.embed_tok"),
    ({"token_indices": [7]}, {"peft_type": "TRAINABLE_TOKENS"}, True, "the output layer of this model shares the rows"),
    (
        {"peft_type": "TRAINABLE_TOKENS"},
        {"token_indices": [259]},
        False,
        "the model has 259, numbered from 0 (got '259'",
    ),
    (
        {"peft_type": "TRAINABLE_TOKENS", "token_indices": [7]},
        {"target_modules": "all-linear"},
        False,
        "tokens can be trained in model.embed_tokens alone (got 'all-linear'); name that, or name the module in",
    ),
    (
        {"peft_type": "TRAINABLE_TOKENS", "token_indices": [7]},
        {"target_modules": ["v_proj"]},
        False,
        "tokens can be trained in model.embed_tokens alone (got 'model.layers.0.self_attn.v_proj'); name that",
    ),
    (
        {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 4},
        {"modules_to_save": ["embed_tokens"]},
        False,
        "beside a prompt, PEFT embeds all tokens by model.embed_tokens as it was fetched, so that a trained one would",
    ),
]


@pytest.mark.parametrize(("beside", "asked", "tied", "start"), TOKENS)
def test_tokens_are_those_that_the_model_has_and_trl_learns_by(parts, beside, asked, tied, start):
    ((path, text),) = refuse(parts | {"tied": tied}, beside | asked)
    (field,) = asked
    inner = next(iter(asked[field])) if isinstance(asked[field], dict) and not tied else None
    assert path == ".".join(filter(None, ["runs.mine.adapter", field, inner]))
    assert text.startswith(start)


def test_single_tokens_are_taken_where_the_output_layer_has_rows_of_its_own(parts):
    assert refuse(parts, {"peft_type": "TRAINABLE_TOKENS", "token_indices": [258]}) == []
    assert refuse(parts, LORA | {"trainable_token_indices": [0]}) == []
    assert not parts["tied"]


def test_layers_are_not_replicated_where_the_model_lists_their_kinds(qwen2):
    parts = inspection.list_parts(inspection.build_empty(qwen2))
    ((path, text),) = refuse(parts, LORA | {"layer_replication": [[0, 2], [1, 2]]})
    assert path == "runs.mine.adapter.layer_replication"
    assert text == (
        "a model of type qwen2 lists what each layer attends to, and PEFT leaves that list as it is; leave it out"
    )


# what PEFT takes, and the model cannot run with or learn by; or takes and does nothing with
NOT_RUNNING = [
    ({"peft_type": "DELORA", "modules_to_save": ["norm"]}, "the model does not run with it: 'ModulesToSaveWrapper'"),
    ({"peft_type": "GLORA", "config_A_B": "none"}, "the model does not run with it: nothing that it trains has a part"),
    ({"peft_type": "HRA", "bias": "some"}, "PEFT refuses it: Requested bias: some, is not implemented."),
    ({"peft_type": "LORA", "rank_pattern": {"k_proj": 4}}, "meets no module that the adapter is put on"),
    ({"peft_type": "TINYLORA", "target_modules": ["norm"]}, "PEFT refuses it: KeyError: 'model.norm'"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("fields", "start"), NOT_RUNNING)
def test_what_shows_when_the_model_is_put_together_is_told(llama, fields, start):
    assert inspection.find_refusal(llama, "mine", fields).text.startswith(start)


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
