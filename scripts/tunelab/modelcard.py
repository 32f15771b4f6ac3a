"""The README of a published adapter or model: what it is, how it was made, how to load it."""

from typing import Any

import yaml

TEMPLATE = """---
{front}---

# {kind} trained on {dataset}

{method} of `{base}` on the data set `{dataset}` (seed {seed}), made by a tunelab study.

Load it with:

```python
{loading}
```

## Settings

```yaml
{settings}```
"""
LOAD_ADAPTER = """\
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained({base})
model = PeftModel.from_pretrained(base, "path/of/this/folder")"""
LOAD_MODEL = """\
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("path/of/this/folder")"""
METHODS = {"sft": "Supervised fine-tuning (TRL `SFTTrainer`)", "grpo": "Reinforcement learning (TRL `GRPOTrainer`)"}


def name_origin(card: dict) -> str:
    """Name the base model as others can find it: its repository or package, otherwise its name in the config."""
    source = card["source"]
    if "package" in source:
        return f"{source['package']}=={source['version']}"
    return source.get("repo_id") or card["model"]


def find_revision(card: dict) -> str | None:
    """Return the commit of a model from the Hub; other models have none that `from_pretrained` could use."""
    return card["revision"] if "repo_id" in card["source"] else None


def render_model_card(spec: Any, card: dict, seed: int, adapter: bool) -> str:
    """Render the card as Markdown with the front matter that the Hub reads.

    spec: the run's section of the config; card: the base model's card.
    """
    origin, licence = name_origin(card), card["licence"]
    front = {
        "base_model": origin,
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": "text-generation",
    }
    if licence:
        front["license"] = licence.lower()
    front["tags"] = ["trl", spec.method]
    revision = find_revision(card)
    base = f'"{origin}", revision="{revision}"' if revision else f'"path/of/{origin}"'
    loading = LOAD_ADAPTER.format(base=base) if adapter else LOAD_MODEL
    settings = spec.model_dump(mode="json", exclude={"label"}, exclude_none=True)
    return TEMPLATE.format(
        front=yaml.safe_dump(front, sort_keys=False),
        kind="Adapter" if adapter else "Model",
        method=METHODS[spec.method],
        base=origin,
        dataset=spec.dataset,
        seed=seed,
        loading=loading,
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
    )
