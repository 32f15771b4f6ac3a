"""Write the README of a published adapter or model: what it is, how it was made, how to load it."""

import re
from pathlib import Path
from typing import Any

import yaml

from tunelab.config.methods import METHODS
from tunelab.config.specs.training import CHOICE
from tunelab.models.model_origin import find_revision, name_origin

# the Hub's identifiers of licences (huggingface.co/docs/hub/repositories-licenses)
_CC = [
    *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0"),
    *("cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0"),
    *("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc", "cc0-1.0"),
]
_GNU = ["agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "lgpl-lr"]
_OF_MODELS = [
    *("openrail", "openrail++", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0"),
    *("bigcode-openrail-m", "deepfloyd-if-license", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4"),
    *("gemma", "apple-amlr", "apple-ascl", "intel-research", "h-research", "grok2-community"),
]
_OTHERS = [
    *("apache-2.0", "mit", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause"),
    *("bsd-3-clause-clear", "c-uda", "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl"),
    *("ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "isc", "lppl-1.3c", "ms-pl", "mpl-2.0"),
    *("odc-by", "odbl", "osl-3.0", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib", "pddl", "unknown"),
]
IDENTIFIERS = frozenset([*_CC, *_GNU, *_OF_MODELS, *_OTHERS])
# a licence's name without its version and without `_SILENT` words → its identifier, {} being the version
_NAMES = {
    **dict.fromkeys(("apache", "apache software"), "apache-{}"),
    **dict.fromkeys(("mit", "mit mit", "expat"), "mit"),
    **dict.fromkeys(("bsd", "bsd new or revised", "bsd simplified"), "bsd-{}-clause"),
    **dict.fromkeys(("affero general public", "agpl"), "agpl-{}"),
    **dict.fromkeys(("lesser general public", "lgpl"), "lgpl-{}"),
    **dict.fromkeys(("general public", "gpl"), "gpl-{}"),
    **dict.fromkeys(("mozilla public", "mpl"), "mpl-{}"),
    "eclipse public": "epl-{}",
    "llama community": "llama{}",
    "gemma terms of use": "gemma",
    **dict.fromkeys(("creative commons zero", "cc zero"), "cc0-{}"),
}
_SILENT = {
    *("the", "license", "licence", "version", "v", "agreement", "international", "unported", "generic", "universal"),
    *("gnu", "meta", "clause"),
}
_COMMONS = re.compile(
    r"(?:creative commons |cc )?attribution"
    r"(?P<nc> non ?commercial)?(?P<nd> no ?deriv(?:ative)?s)?(?P<sa> share ?alike)?"
)


def describe_licence(said: str) -> dict[str, Any]:
    """Return a card's front matter for a licence: one of the Hub's identifiers, or `other` with a name."""
    if known := _identify(said):
        return {"license": known}
    parts = [_identify(part) for part in re.split(r",\s*|\s+(?:or|and)\s+", said, flags=re.IGNORECASE)]
    if all(parts):
        return {"license": parts}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", said.lower()).strip("-") or "unnamed"}


def _identify(said: str) -> str | None:
    """Return the identifier of a licence's name; None if it says more, as a further clause makes another licence."""
    name = re.sub(r"-(only|or-later)$", "", said.strip().lower())
    if (short := re.sub(r"[\s_]+", "-", name)) in IDENTIFIERS:
        return short
    plain = re.sub(r",? [a-z0-9 ]*\b(19|20)\d\d$|\bcopyright .*", "", name)  # `, January 2004`
    tokens = [token for token in re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", plain) if token not in _SILENT]
    versions = [token for token in tokens if token[0].isdigit()]
    words = " ".join(token for token in tokens if token not in versions)
    wanted = _NAMES.get(words) or _name_commons(words)
    if wanted is None or len(versions) > 1:
        return None
    forms = [wanted.format(form) for version in versions or [""] for form in (version, f"{version}.0")]
    return next((identifier for identifier in forms if identifier in IDENTIFIERS), None)


def _name_commons(words: str) -> str | None:
    """Return the identifier of a Creative Commons licence, without its version."""
    found = _COMMONS.fullmatch(words)
    return found and "-".join(["cc-by", *(part for part, given in found.groupdict().items() if given), "{}"])


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

    Args:
        spec: the run's section of the config.
        card: the base model's.
        training: what the training cost.
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
    """Return a run's section as its card shows it, without paths of this machine."""
    unused = {"label"} if getattr(spec, "samples", None) else {"label"} | CHOICE
    settings = spec.model_dump(mode="json", exclude=unused, exclude_none=True)
    if "rewards" in settings:
        functions = {name: Path(file).name for name, file in settings["rewards"].pop("functions").items()}
        settings["rewards"] |= {"functions": functions} if functions else {}
    return settings
