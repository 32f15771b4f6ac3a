import json
import shutil
from types import SimpleNamespace

import pytest
import torch

from tests.unit.models.run_models import build_run_model
from tunelab.config.specs.evaluation import GenerationSpec
from tunelab.evaluation import generation
from tunelab.models import chat
from tunelab.models.adapters import load_base_model

CPU = torch.device("cpu")
SPEC = GenerationSpec(max_new_tokens=10, batch_size=5)
# what models on the Hub ship, and rarer fields that change greedy answers; token 79 is the tiny model's favourite
HABITS = {
    "sampling": {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.3},
    "penalty": {"repetition_penalty": 1.3},
    "lengths": {"min_length": 200, "max_length": 45, "no_repeat_ngram_size": 1},
    "suppressed": {"suppress_tokens": list(range(100))},
    "forced": {"forced_eos_token_id": 5},
    "decaying": {"exponential_decay_length_penalty": [2, 1.9]},
    "guided": {"guidance_scale": 3.0},
}


@pytest.fixture(scope="module")
def tokenizer(llama):
    return chat.load_tokenizer(llama, padding_side="left")


@pytest.fixture(scope="module")
def prompts(tokenizer, rows):
    return [chat.encode_prompt(tokenizer, row["messages"][:-1]) for row in rows]


class Scripted:
    """A model that says what it is told to."""

    device = CPU

    def __init__(self, completions, ends=None):
        self.completions, self.generation_config = completions, SimpleNamespace(eos_token_id=ends)

    def generate(self, input_ids, attention_mask, generation_config):
        return torch.cat([input_ids, torch.tensor(self.completions)], dim=1)


@pytest.mark.parametrize("habit", list(HABITS))
def test_a_models_own_generation_config_cannot_leak_in(llama, rows, prompts, tokenizer, tmp_path, habit):
    folder = tmp_path / "model"
    shutil.copytree(llama, folder)
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | HABITS[habit]))
    expected, _ = generation.answer_rows(build_run_model(llama), rows, SPEC)
    answers, facts = generation.answer_rows(build_run_model(folder), rows, SPEC)
    assert answers == expected
    for name, value in SPEC.model_dump().items():
        assert facts["generation"][name] == value
    # left alone, the file does change what the model says
    habitual = load_base_model(folder, CPU, torch.float32).eval()
    batch = tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
    torch.manual_seed(0)
    ids = habitual.generate(**batch, max_new_tokens=10)[:, batch["input_ids"].shape[1] :]
    said = [tokenizer.decode(row, skip_special_tokens=True) for row in ids]
    assert said != [answer["completion"] for answer in expected]


def test_no_decoding_field_is_taken_from_the_model(llama, tokenizer):
    model = load_base_model(llama, CPU, torch.float32)
    config = generation.build_generation_config(tokenizer, model, SPEC)
    wanted = {"do_sample": False, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}
    wanted |= {"num_beams": 1, "max_new_tokens": 10, "no_repeat_ngram_size": 0, "use_cache": True}
    assert {name: getattr(config, name) for name in wanted} == wanted


@pytest.mark.parametrize(("known", "ends"), [(None, [256]), (7, [7, 256]), ([256, 9], [9, 256])])
def test_every_end_token_that_tokenizer_or_model_knows_stops_an_answer(tokenizer, known, ends):
    config = generation.build_generation_config(tokenizer, Scripted([], known), SPEC)
    assert config.eos_token_id == ends
    assert config.pad_token_id == tokenizer.pad_token_id == 257


def test_only_new_tokens_are_kept_and_cut_at_the_end_token(tokenizer):
    a, b = tokenizer("ab", add_special_tokens=False)["input_ids"]
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    model = Scripted([[a, b, a, b], [a, end, pad, pad], [end, pad, pad, pad], [a, b, b, end], [a, 7, b, b]], ends=7)
    config = generation.build_generation_config(tokenizer, model, SPEC)
    made = generation.generate_batch(model, tokenizer, [[1, 2, 3], [1], [1, 2], [1], [1]], config)
    assert [(answer["completion"], answer["tokens"], answer["finish"]) for answer in made] == [
        ("abab", 4, "length"),
        ("a", 2, "stop"),
        ("", 1, "stop"),
        ("abb", 4, "stop"),
        (tokenizer.decode([a, 7]), 2, "stop"),
    ]


def test_text_is_decoded_as_it_was_written(tokenizer):
    said = "I 'm fine , thanks . 很好 🙂"
    model = Scripted([tokenizer(said, add_special_tokens=False)["input_ids"]])
    config = generation.build_generation_config(tokenizer, model, SPEC)
    assert generation.generate_batch(model, tokenizer, [[1]], config)[0]["completion"] == said


@pytest.mark.parametrize("base", ["llama", "qwen2"])
def test_a_batch_answers_like_batches_of_one(request, tokenizer, prompts, base):
    model = load_base_model(request.getfixturevalue(base), CPU, torch.float32).eval()
    config = generation.build_generation_config(tokenizer, model, SPEC)
    together = generation.generate_batch(model, tokenizer, prompts, config)
    assert len({len(prompt) for prompt in prompts}) > 3
    assert together == [generation.generate_batch(model, tokenizer, [prompt], config)[0] for prompt in prompts]
    assert len({answer["completion"] for answer in together}) > 6


def test_answers_come_back_in_the_rows_order_whatever_the_batches(llama, rows, prompts, tokenizer):
    mixed = [rows[index] for index in (3, 0, 11, 7, 1, 2)]
    order = [len(chat.render_prompt(tokenizer, row["messages"][:-1])) for row in mixed]
    assert order != sorted(order)
    specs = {size: GenerationSpec(max_new_tokens=10, batch_size=size) for size in (1, 2, 4)}
    answers = {size: generation.answer_rows(build_run_model(llama), mixed, spec)[0] for size, spec in specs.items()}
    assert [answer["id"] for answer in answers[1]] == ["row3", "row0", "row11", "row7", "row1", "row2"]
    assert answers[1] == answers[2] == answers[4]


def test_what_was_done_is_recorded(llama, rows):
    answers, facts = generation.answer_rows(build_run_model(llama), rows, SPEC)
    assert facts["rendered_example"].endswith("What is 0 + 0?<|im_end|>\n<|im_start|>assistant\n")
    assert facts["tokens"] == sum(answer["tokens"] for answer in answers) > 0
    assert (facts["dtype"], facts["seconds"] > 0) == ("float32", True)
    assert facts["device"]
    assert all(set(answer) == {"id", "completion", "tokens", "finish"} for answer in answers)


def test_sampling_follows_the_seed(llama, rows):
    def sample(seed):
        spec = GenerationSpec(max_new_tokens=10, do_sample=True, temperature=2.0, seed=seed)
        return [answer["completion"] for answer in generation.answer_rows(build_run_model(llama), rows, spec)[0]]

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)


def test_an_adapter_is_used(llama, rows, train_sft, publish):
    folder = publish(train_sft(llama, {"peft_type": "LORA", "target_modules": "all-linear"}))
    assert (
        generation.answer_rows(build_run_model(llama, folder), rows, SPEC)[0]
        != generation.answer_rows(build_run_model(llama), rows, SPEC)[0]
    )
