"""Write the generated files: `arguments.json` (the fields of TRL, PEFT and bitsandbytes) and the JSON schemas.

Run `make schema` after a library upgrade or a change of `tunelab.config.specs` or `tunelab.comparison.results`.
"""

import dataclasses
import enum
import importlib
import inspect
import json
import types
import typing
from pathlib import Path

from pydantic import BaseModel

from tunelab.comparison.results import Results
from tunelab.config import arguments
from tunelab.config.complete import Config
from tunelab.config.likeness import LABEL, LIKE, TABLES
from tunelab.config.methods import METHODS

SCHEMAS = {Path("config/schema.json"): Config, Path("docs/results.schema.json"): Results}
# values of fields that the libraries declare as plain text and check much later; TrainingArguments: of all trainers
CHOICES = {
    "TrainingArguments": {"include_num_input_tokens_seen": ["all", "no", "non_padding"]},
    "SFTConfig": {
        "loss_type": ["chunked_nll", "dft", "nll"],
        "packing_strategy": ["bfd", "bfd-requeue", "bfd_split", "wrapped"],
        "truncation_mode": ["keep_end", "keep_start"],
    },
    "GRPOConfig": {
        "importance_sampling_level": ["sequence", "token"],
        "loss_type": ["bnpo", "cispo", "dapo", "dr_grpo", "grpo", "luspo", "sapo", "vespo"],
        "multi_objective_aggregation": ["normalize_then_sum", "sum_then_normalize"],
        "scale_rewards": ["batch", "group", "none"],
        "vllm_importance_sampling_mode": ["sequence_mask", "sequence_truncate", "token_mask", "token_truncate"],
        "vllm_mode": ["colocate", "server"],
    },
    "DPOConfig": {
        "f_divergence_type": ["alpha_divergence", "forward_kl", "js_divergence", "reverse_kl"],
    },
    "RLOOConfig": {"vllm_mode": ["colocate", "server"]},
    "DistillationConfig": {"vllm_mode": ["colocate", "server"]},
    "BitsAndBytesConfig": {
        "bnb_4bit_compute_dtype": ["bfloat16", "float16", "float32"],
        "bnb_4bit_quant_storage": ["bfloat16", "float16", "float32", "float64", "int8", "uint8"],
        "bnb_4bit_quant_type": ["fp4", "nf4"],
    },
}


def build_arguments() -> dict[str, dict[str, dict]]:
    """List every field of the classes whose settings the config passes through."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
    from transformers import BitsAndBytesConfig

    trainers = [getattr(importlib.import_module(method.module), method.config) for method in METHODS.values()]
    classes = {cls.__name__: cls for cls in trainers}
    classes |= {str(kind.value): cls for kind, cls in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    listed = {name: _list_fields(cls) for name, cls in sorted(classes.items())}
    parameters = inspect.signature(BitsAndBytesConfig.__init__).parameters.values()
    listed["BitsAndBytesConfig"] = {
        p.name: _scalar_of(p.default) for p in parameters if p.name not in ("self", "kwargs")
    }
    for name in listed:
        shared = CHOICES["TrainingArguments"] if name in {cls.__name__ for cls in trainers} else {}
        for field, choices in (shared | CHOICES.get(name, {})).items():
            listed[name][field] |= {"types": listed[name][field]["types"] or ["null", "str"], "choices": choices}
    for cls in trainers:
        for name, field in listed[cls.__name__].items():
            if "choices" in field and (words := _find_words(cls, name)):
                field |= {"types": sorted({*field["types"], "bool"}), "words": words}
    return listed


def _find_words(cls: type, field: str) -> dict[str, str]:
    """Return the words for which a trainer's config accepts true and false, in a field with a choice of words."""
    words = {}
    for value in (True, False):
        try:
            taken = getattr(cls(output_dir="unused", use_cpu=True, bf16=False, **{field: value}), field)
        except ValueError:  # it accepts neither
            return {}
        if type(taken) is str:
            words[str(value).lower()] = taken
    return words


def _scalar_of(default: object) -> dict:
    """Guess a parameter's type from its default, as BitsAndBytesConfig has no annotations."""
    scalar = isinstance(default, bool | float | str)
    return {"types": [type(default).__name__], "default": default} if scalar else {"types": []}


def _list_fields(cls: type) -> dict[str, dict]:
    hints = typing.get_type_hints(cls)
    return {f.name: _describe(hints[f.name]) | _describe_more(f) for f in dataclasses.fields(cls) if f.init}


def _describe_more(field: dataclasses.Field) -> dict:
    """Return the words of a field that its class lists, and its default unless that is null or no value of YAML."""
    default = getattr(field.default, "value", field.default)
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    words = sorted(field.metadata.get("choices") or ())
    return ({"choices": words} if words else {}) | (
        {"default": default} if type(default) in (bool, int, float, str) or _is_list_of_words(default) else {}
    )


def _is_list_of_words(default: object) -> bool:
    return isinstance(default, list) and bool(default) and all(isinstance(word, str) for word in default)


def _describe(hint: object) -> dict:
    names, choices = set(), []
    for part in _split_union(hint):
        origin = typing.get_origin(part) or part
        if origin is typing.Literal:
            choices += typing.get_args(part)
            names |= {type(value).__name__ for value in typing.get_args(part)}
        elif isinstance(origin, type) and issubclass(origin, enum.Enum):
            choices += [item.value for item in origin]
            names.add("str")
        elif origin is type(None):
            names.add("null")
        elif origin in (int, float, bool, str, list, dict):
            names.add(origin.__name__)
        else:
            return {"types": []}
    field = {"types": sorted(names)}
    return field | {"choices": sorted(map(str, choices))} if choices else field


def _split_union(hint: object) -> tuple:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def render_arguments() -> str:
    """Render one field a line, so that the diff of an upgrade can be read."""
    classes = []
    for name, fields in build_arguments().items():
        lines = ",\n".join(f"  {json.dumps(field)}: {json.dumps(fields[field])}" for field in sorted(fields))
        classes.append(f" {json.dumps(name)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(classes) + "\n}\n"


def render_schema(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    if model is Config:
        _accept_likeness(schema)
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _accept_likeness(schema: dict) -> None:
    """Allow entries that are `like` another one to leave out what they take over."""
    for table in TABLES:
        patterns = schema["properties"][table]["patternProperties"]
        name = {"type": "string", "description": f"One of `{table}`, which this one is but for what it says."}
        for pattern, whole in patterns.items():
            entry = _loosen(whole, schema["$defs"], depth=2)
            for kind in entry.get("anyOf", [entry]):
                kind["required"] = [field for field in (LIKE, LABEL) if field in (LIKE, *kind["properties"])]
                kind["properties"] = {LIKE: name, **kind["properties"]}
            patterns[pattern] = {"if": {"type": "object", "required": [LIKE]}, "then": entry, "else": whole}


def _loosen(node: dict, definitions: dict, depth: int) -> dict:
    """Return a part of a schema without required fields, down to `depth` levels of sections, as entries merge."""
    if kinds := node.get("oneOf", node.get("anyOf")):
        loose = [_loosen(kind, definitions, depth) for kind in kinds]
        return node if loose == kinds else {"anyOf": loose}
    if "$ref" not in node or not depth:
        return node
    fields = definitions[node["$ref"].rpartition("/")[2]]["properties"]
    loose = {name: _loosen(field, definitions, depth - 1) for name, field in fields.items()}
    same = {name: {"$ref": f"{node['$ref']}/properties/{name}"} for name in fields if loose[name] == fields[name]}
    return {"type": "object", "additionalProperties": False, "properties": loose | same}


if __name__ == "__main__":
    arguments.FILE.write_text(render_arguments(), encoding="utf-8")
    for path, model in SCHEMAS.items():
        path.write_text(render_schema(model), encoding="utf-8")
