"""Answer one question by a finished run's model."""

from pathlib import Path
from typing import Any

from transformers import set_seed

from tunelab.config.complete import Config
from tunelab.config.specs.evaluation import GenerationSpec
from tunelab.errors import UserError
from tunelab.evaluation import generation
from tunelab.layout import Layout
from tunelab.models import adapters, chat
from tunelab.models.context_length import count_positions_left
from tunelab.models.decoding import find_generate
from tunelab.models.device import choose_device
from tunelab.models.precision import load_precision
from tunelab.models.run_model import RunModel


def ask(config: Config, run: str, system: str | None, question: str, decoding: dict[str, Any]) -> str:
    """Return the answer of the run's first seed.

    Raises:
        UserError: if the run's weights have not been made yet.
    """
    base = Layout(config.study.results).model_file(config.runs[run].model, "model")
    precision = base.with_name("precision.json")
    artefact = find_artefact(config, run)
    template = base.with_name("chat_template.jinja")
    for folder in (base, artefact):
        if folder and not (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file():
            raise UserError(f"{folder} is not there yet; run `make report` with the same config first.")
    for file in (precision, template):
        if not file.is_file():
            raise UserError(f"{file} is not there yet; run `make report` with the same config first.")
    run_model = RunModel(base_model=base, artefact=artefact, dtype=load_precision(precision), template=template)
    tokenizer = run_model.load_tokenizer(padding_side="left")
    model = run_model.load(choose_device())
    messages = [*([{"role": "system", "content": system}] if system else []), {"role": "user", "content": question}]
    prompt = chat.encode_prompt(tokenizer, messages)
    positions = count_positions_left(base, adapters.count_virtual(model))
    if positions is not None and len(prompt) >= positions:
        raise UserError(
            f"Q: the question makes {len(prompt)} tokens with the chat template, and the model in {base} has "
            f"{positions} positions for it and the answer; ask a shorter one."
        )
    left = decoding["max_new_tokens"] if positions is None else positions - len(prompt)
    spec = GenerationSpec(**decoding | {"max_new_tokens": min(decoding["max_new_tokens"], left)})
    settings = generation.build_generation_config(tokenizer, model, spec)
    set_seed(spec.seed)
    generate, _ = find_generate(model, settings)
    return generation.generate_batch(model, tokenizer, [prompt], settings, generate)[0]["completion"]


def find_artefact(config: Config, run: str) -> Path | None:
    """Return the folder that the run's first seed publishes; None for the untouched model."""
    if config.runs[run].method == "base":
        return None
    layout, seed = Layout(config.study.results), config.list_seeds(run)[0]
    return layout.weights_files(run, seed, config.keeps_adapter(run))[0].parent
