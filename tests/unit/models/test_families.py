"""Tiny models that wear the templates and control tokens of people's models go the study's whole way."""

import json

import pytest
import torch
from families import build_family
from transformers import AutoModelForCausalLM

from tests.unit.models.run_models import build_run_model
from tests.unit.training.training_jobs import build_job
from tunelab.config.specs.evaluation import GenerationSpec
from tunelab.config.specs.sources import ChatSettings, RandomModel
from tunelab.config.specs.training import GrpoRun
from tunelab.evaluation import generation, losses
from tunelab.models import chat, settling
from tunelab.sources.random_model import build_config
from tunelab.training import grpo

SHAPE = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1}
SHAPE |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 1024, "initializer_range": 0.2}
# family → what a study says of it, and how an answer is rendered between the prompt and what follows
WAYS = {
    "llama2": ({}, " {} </s>"),
    "llama3": ({}, "{}<|eot_id|>"),
    "llama3.2": ({}, "{}<|eot_id|>"),
    "qwen2.5": ({}, "{}<|im_end|>"),
    "qwen3": ({}, "<think>\n\n</think>\n\n{}<|im_end|>"),
    "qwen3 without thoughts": ({"chat_template_kwargs": {"enable_thinking": False}}, "{}<|im_end|>"),
    "gemma": ({"system": "fold"}, "{}<end_of_turn>"),
    "mistral": ({"system": "fold"}, "{}</s>"),
    "phi3": ({}, "{}<|end|>\n<|endoftext|>"),
    "r1": ({"chat_template": "deepseek_r1_distill_nothink"}, "{}<\uff5cend▁of▁sentence\uff5c>"),
    "gpt2": ({"chat_template": "plain"}, " {}<|endoftext|>"),
}
SYSTEM = {"role": "system", "content": "Be kind."}


@pytest.fixture(scope="module", params=list(WAYS))
def family(request, tmp_path_factory):
    """A model in its folder, the file of its settled template, and how its answers are rendered."""
    given, rendered = WAYS[request.param]
    folder = tmp_path_factory.mktemp("family") / "model"
    tokenizer = build_family(request.param.split()[0])
    config = build_config(RandomModel(source="random", architecture=SHAPE), "models.t", tokenizer)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    text, _ = settling.settle_template(tokenizer, ChatSettings(**given), "models.t")
    template = folder.with_name("chat_template.jinja")
    template.write_bytes(text.encode())
    tokenizer.save_pretrained(folder)
    return folder, template, rendered


@pytest.fixture(scope="module")
def questions(rows):
    return [row | {"messages": [SYSTEM, *row["messages"]]} for row in rows[:4]]


def test_what_counts_is_the_answer_and_its_end_and_the_prompt_is_what_comes_before(family, questions):
    folder, template, rendered = family
    tokenizer = chat.load_tokenizer(folder, template=template)
    for row in questions:
        text, tokens, mask = chat.encode(tokenizer, row["messages"])
        ids, begin = [token.id for token in tokens], mask.index(1)
        assert ids == tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids[:begin] == chat.encode_prompt(tokenizer, row["messages"][:-1])
        trained = [token for token, counts in zip(tokens, mask, strict=True) if counts]
        assert text[trained[0].start : trained[-1].end] == rendered.format(row["messages"][-1]["content"])
        assert trained[-1].id in chat.list_ends(tokenizer)
        assert text.count("Be kind.") == 1


@pytest.mark.weights
def test_training_answers_and_losses_meet_the_same_tokens(family, questions, train_sft, tmp_path):
    folder, template, _ = family
    tokenizer = chat.load_tokenizer(folder, "left", template)
    given = [*questions * 2, *questions]
    run = train_sft(folder, {"peft_type": "LORA", "r": 2}, given=given, template=template, max_steps=1, max_length=512)
    encoded = chat.encode_conversation(tokenizer, questions[0]["messages"])
    assert run.trainer.train_dataset[0]["input_ids"] == encoded["input_ids"]
    # padding, which is the end token here, hides no end that is learnt
    batch = next(iter(run.trainer.get_train_dataloader()))
    learnt = {tuple(row[row != -100].tolist()) for row in batch["labels"]}
    pairs = [chat.encode(tokenizer, row["messages"]) for row in questions]
    assert learnt <= {
        tuple(t.id for t, counts in zip(tokens, mask, strict=True) if counts) for _, tokens, mask in pairs
    }
    ends = set(chat.list_ends(tokenizer))
    named = run.model.generation_config.eos_token_id
    assert ends <= {*(named if isinstance(named, list) else [named])}
    measured = losses.measure_rows(build_run_model(folder, template=template), questions, 2)
    counts = [sum(chat.encode_conversation(tokenizer, row["messages"])["assistant_masks"]) for row in questions]
    assert [row["tokens"] for row in measured] == counts
    answers, facts = generation.answer_rows(
        build_run_model(folder, template=template), questions, GenerationSpec(max_new_tokens=3)
    )
    assert len(answers) == 4 and set(facts["generation"]["eos_token_id"]) == ends
    # one step of GRPO, whose prompts are the evaluation's
    settings = {"max_steps": 1, "per_device_train_batch_size": 4, "num_generations": 4, "max_completion_length": 4}
    spec = GrpoRun(
        **{"method": "grpo", "label": "t", "model": "t", "dataset": "t", "adapter": {"peft_type": "LORA", "r": 2}},
        rewards={"weights": {"random": 1.0}},
        training=settings | {"report_to": "none", "learning_rate": 1e-2},
    )
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        tokenise = grpo.RecordingGRPOTrainer._tokenize_prompts

        def watch(trainer, prompts):
            made = tokenise(trainer, prompts)
            asked.extend(zip(prompts, made[0], strict=True))
            return made

        patch.setattr(grpo.RecordingGRPOTrainer, "_tokenize_prompts", watch)
        trainer, _, _ = grpo.train(build_job(folder, tmp_path, spec, template=template), questions)
    assert asked and all(ids == chat.encode_prompt(tokenizer, prompt) for prompt, ids in asked)
    assert ends <= set(trainer.eos_token_ids)


def test_a_distilled_model_learns_answers_that_hold_their_thoughts():
    tokenizer = build_family("r1")
    settings = ChatSettings(chat_template="deepseek_r1_distill_training")
    tokenizer.chat_template, _ = settling.settle_template(tokenizer, settings, "models.t")
    answer = "<think>\nHm.\n</think>\n\nFine."
    messages = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": answer}]
    prompt = chat.encode_prompt(tokenizer, messages[:1])
    text, tokens, mask = chat.encode(tokenizer, messages)
    assert [token.id for token in tokens[: len(prompt)]] == prompt and mask.index(1) == len(prompt)
    assert text[tokens[len(prompt)].start :] == "Hm.\n</think>\n\nFine.<\uff5cend▁of▁sentence\uff5c>"


def test_published_models_name_every_end_token(family, train_sft, publish, rows):
    folder, template, _ = family
    given = [row | {"messages": row["messages"]} for row in rows]
    whole = train_sft(folder, None, given=given, template=template, max_steps=1, learning_rate=1e-3, max_length=512)
    published = publish(whole)
    named = json.loads((published / "generation_config.json").read_text())["eos_token_id"]
    ends = chat.list_ends(chat.load_tokenizer(folder, template=template))
    assert set(ends) <= {*(named if isinstance(named, list) else [named])}
    assert (published / "chat_template.jinja").read_bytes() == template.read_bytes()
    assert chat.load_tokenizer(published).chat_template == template.read_text(encoding="utf-8")
