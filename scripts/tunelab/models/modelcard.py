"""The README of a published adapter or model: what it is, how it was made, how to load it."""

from pathlib import Path
from typing import Any

import yaml

from tunelab.config.methods import METHODS
from tunelab.config.specs.training import CHOICE
from tunelab.models.basemodels import find_revision, name_origin
from tunelab.models.licences import describe_licence

TEMPLATE = """---
{front}---

# {kind} trained on {dataset}

{method} of `{base}` on the data set `{dataset}` (seed {seed}), made by a tunelab study.

Load it with:

```python
{loading}
```

`chat_template.jinja` is the chat template that the study used with it; ask it by that one
(`tokenizer.chat_template = open("chat_template.jinja").read()`).

## Training

{steps} steps over {tokens} tokens in {dtype}; the weights are those of step {best_step}. {parameters} weights were
trained.

Made with {versions}.

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


def render_model_card(spec: Any, card: dict, training: dict, seed: int, adapter: bool) -> str:
    """Render the card as Markdown with the front matter that the Hub reads.

    spec: the run's section of the config; card: the base model's card; training: what the training cost.
    """
    origin, licence, method = name_origin(card), card["licence"], METHODS[spec.method]
    front = {
        "base_model": origin,
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": "text-generation",
    }
    if licence:
        front |= describe_licence(licence)
    front["tags"] = ["trl", spec.method]
    revision = find_revision(card)
    base = f'"{origin}", revision="{revision}"' if revision else f'"path/of/{origin}"'
    loading = LOAD_ADAPTER.format(base=base) if adapter else LOAD_MODEL
    settings = _list_settings(spec)
    return TEMPLATE.format(
        front=yaml.safe_dump(front, sort_keys=False),
        kind="Adapter" if adapter else "Model",
        method=f"{method.kind} (TRL `{method.trainer}`)",
        base=origin,
        dataset=spec.dataset,
        seed=seed,
        loading=loading,
        steps=training["steps"],
        best_step=training["best_step"],
        dtype=training["dtype"],
        tokens=f"{training['tokens']:,}",
        parameters=f"{training['trainable_parameters']:,}",
        versions=", ".join(f"{package} {version}" for package, version in training["versions"].items()),
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
    )


def _list_settings(spec: Any) -> dict[str, Any]:
    """Return a run's section as its card shows it; files of functions by their names, not by places on this machine."""
    unused = {"label"} if getattr(spec, "samples", None) else {"label"} | CHOICE
    settings = spec.model_dump(mode="json", exclude=unused, exclude_none=True)
    if "rewards" in settings:
        functions = {name: Path(file).name for name, file in settings["rewards"].pop("functions").items()}
        settings["rewards"] |= {"functions": functions} if functions else {}
    return settings
