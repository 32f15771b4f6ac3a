"""Answer a task's held-out questions with a run's model, with every field of the decoding set explicitly.

transformers fills unset fields of a GenerationConfig from the model's own one, which is therefore replaced.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase, set_seed

from tunelab.config.specs.evaluation import GenerationSpec, SamplingSpec
from tunelab.jobs.job import report_progress
from tunelab.models import adapters, chat, flops
from tunelab.models.chat_thoughts import read_answer
from tunelab.models.context_length import check_rows
from tunelab.models.decoding import find_generate
from tunelab.models.device import choose_device, describe_device
from tunelab.models.packed_model import list_types
from tunelab.models.run_model import RunModel

# adapters whose virtual tokens PEFT puts before the padding, so that positions would depend on the batch
UNPADDED = {"PROMPT_TUNING", "P_TUNING"}


def build_generation_config(tokenizer: PreTrainedTokenizerBase, model: Any, spec: GenerationSpec) -> GenerationConfig:
    """Build the decoding settings, with the end tokens of the tokenizer, the chat template and the model."""
    known = model.generation_config.eos_token_id
    ends = {*chat.list_ends(tokenizer), *(known if isinstance(known, list) else [known])} - {None}
    return GenerationConfig(
        **spec.model_dump(exclude={"batch_size", "seed"}),
        eos_token_id=sorted(ends),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        num_return_sequences=1,
        use_cache=True,
        min_p=None,
        typical_p=1.0,
        no_repeat_ngram_size=0,
        min_new_tokens=0,
        length_penalty=1.0,
    )


@torch.inference_mode()
def generate_batch(
    model: Any, tokenizer: Any, prompts: list[list[int]], config: GenerationConfig, generate: Callable | None = None
) -> list[dict[str, Any]]:
    """Complete the prompts' tokens in one left-padded batch, by `generate` or else the model's own function.

    If padding would change the answers, prompts of equal length make a batch each.

    Returns:
        One record for each prompt: `completion` (text, with a thought if there is one), `tokens` (new ones, with the
        end token) and `finish` ("stop", or "length" if max_new_tokens cut it).
    """
    model.generation_config = config
    lengths = [len(prompt) if list_types(model) & UNPADDED else 0 for prompt in prompts]
    made: dict[int, dict[str, Any]] = {}
    for length in dict.fromkeys(lengths):
        chosen = [index for index in range(len(prompts)) if lengths[index] == length]
        batch = tokenizer.pad({"input_ids": [prompts[index] for index in chosen]}, return_tensors="pt").to(model.device)
        width = batch["input_ids"].shape[1]
        outputs = (generate or model.generate)(**batch, generation_config=config)[:, width:].tolist()
        made |= {
            index: _describe_completion(tokenizer, ids, config.eos_token_id)
            for index, ids in zip(chosen, outputs, strict=True)
        }
    return [made[index] for index in range(len(prompts))]


def _describe_completion(tokenizer: Any, ids: list[int], ends: list[int]) -> dict[str, Any]:
    stop = next((index for index, token in enumerate(ids) if token in ends), None)
    kept = ids if stop is None else ids[: stop + 1]
    return {
        "completion": read_answer(tokenizer, kept),
        "tokens": len(kept),
        "finish": "length" if stop is None else "stop",
    }


class Answerer:
    """Load a run's model once, with its tokenizer and decoding, to answer rows."""

    def __init__(self, run_model: RunModel, spec: GenerationSpec) -> None:
        self._run_model, self._device, self._spec = run_model, choose_device(), spec
        self._tokenizer = run_model.load_tokenizer(padding_side="left")
        self._model = run_model.load(self._device)
        self._config = build_generation_config(self._tokenizer, self._model, spec)
        self._generate, self._decoding = find_generate(self._model, self._config)

    def answer(self, rows: list[dict]) -> Iterator[dict[int, dict[str, Any]]]:
        """Answer the rows' last user message; yield each batch's answers by the rows' indices."""
        encoded = self.encode(rows)
        for batch in _batch_by_length(encoded, self._spec.batch_size):
            prompts = [encoded[index] for index in batch]
            completed = generate_batch(self._model, self._tokenizer, prompts, self._config, self._generate)
            yield {index: {"id": rows[index]["id"], **made} for index, made in zip(batch, completed, strict=True)}

    def encode(self, rows: list[dict]) -> list[list[int]]:
        """Return the tokens of the rows' prompts.

        Raises:
            UserError: if the model has too few positions for one of them with its answer.
        """
        encoded = [chat.encode_prompt(self._tokenizer, row["messages"][:-1]) for row in rows]
        lengths = [len(prompt) + self._spec.max_new_tokens for prompt in encoded]
        check_rows(self._run_model.base_model, rows, lengths, adapters.count_virtual(self._model))
        return encoded

    def count(self, lengths: Iterable[tuple[int, int]]) -> dict[str, dict[str, int]]:
        """Return the operations and tokens that answers took, as a training's costs name them.

        Args:
            lengths: tokens of each answer's prompt and of the answer.
        """
        works, rates = [flops.measure_drawing(self._model, *pair) for pair in lengths], flops.measure_rates(self._model)
        return {
            "flops": {"drawing": sum(map(rates.count, works))},
            "passed_tokens": {"drawing": sum(work.tokens for work in works)},
        }

    def describe(self, row: dict) -> dict[str, Any]:
        """Return how answers are made, with a row's prompt as the model reads it."""
        return {
            "generation": self._config.to_dict() | {"batch_size": self._spec.batch_size, "seed": self._spec.seed},
            "decoding": self._decoding,
            "dtype": str(self._run_model.dtype).removeprefix("torch."),
            "device": describe_device(self._device),
            "rendered_example": chat.render_prompt(self._tokenizer, row["messages"][:-1]),
        }


def answer_rows(run_model: RunModel, rows: list[dict], spec: GenerationSpec) -> tuple[list[dict], dict[str, Any]]:
    """Answer the rows' last user message; return the answers in the rows' order and how they were made."""
    answerer = Answerer(run_model, spec)
    set_seed(spec.seed)
    started, answers = time.monotonic(), {}
    for made in answerer.answer(rows):
        answers |= made
        report_answers(len(answers), len(rows), time.monotonic() - started)
    ordered = [answers[index] for index in range(len(rows))]
    costs = {"seconds": time.monotonic() - started, "tokens": sum(answer["tokens"] for answer in ordered)}
    return ordered, answerer.describe(rows[0]) | costs


def report_answers(done: int, wanted: int, seconds: float, before: int = 0) -> None:
    """Report how many answers there are and how long the rest will take; `before` were there at the start."""
    left = seconds / (done - before) * (wanted - done)
    report_progress(f"{done} of {wanted} answers, {left:.0f} s left")


def sample_rows(run_model: RunModel, rows: list[dict], spec: SamplingSpec, max_new_tokens: int) -> list[dict[str, Any]]:
    """Draw `spec.samples` answers to each row's last user message; return them row by row, each with its number."""
    fields = spec.model_dump(include={"temperature", "top_p", "top_k", "batch_size", "seed"})
    generation = GenerationSpec(max_new_tokens=max_new_tokens, do_sample=True, **fields)
    asked = [row for row in rows for _ in range(spec.samples)]
    answers, _ = answer_rows(run_model, asked, generation)
    return [{"sample": index % spec.samples} | answer for index, answer in enumerate(answers)]


def _batch_by_length(prompts: list[list[int]], size: int) -> Iterator[list[int]]:
    """Yield the prompts' indices in batches of similar length, which saves padding; the order is fixed by the data."""
    order = sorted(range(len(prompts)), key=lambda index: (len(prompts[index]), index))
    for start in range(0, len(order), size):
        yield order[start : start + size]
