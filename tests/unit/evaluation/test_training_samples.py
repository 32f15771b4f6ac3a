"""Answers drawn to training questions: numbered, by seeds, and the same however often the work was stopped."""

import pytest

from tests.unit.models.run_models import build_run_model
from tunelab.config.specs.samples import SamplesSpec
from tunelab.evaluation import training_samples
from tunelab.models import chat
from tunelab.records import read_jsonl

SPEC = SamplesSpec(run="start", dataset="sums", samples=3, max_new_tokens=8, temperature=2.0, batch_size=6)


@pytest.fixture
def draw(llama, rows, tmp_path):
    def draw(folder="work", study=1, **changes):
        spec = SPEC.model_copy(update=changes)
        return training_samples.draw_answers(build_run_model(llama), rows, spec, study, tmp_path / folder)

    return draw


def encode_prompt(folder, row):
    tokenizer = chat.load_tokenizer(folder, "left", folder.with_name("chat_template.jinja"))
    return chat.encode_prompt(tokenizer, row["messages"][:-1])


def test_every_question_has_its_answers_in_the_order_of_the_rows(draw, rows, llama):
    answers, facts = draw()
    assert [(answer["id"], answer["sample"]) for answer in answers] == [(r["id"], n) for r in rows for n in range(3)]
    assert all(set(answer) == {"id", "sample", "completion", "tokens", "finish"} for answer in answers)
    assert facts["tokens"] == sum(answer["tokens"] for answer in answers)
    prompts = sum(3 * len(encode_prompt(llama, row)) for row in rows)
    assert facts["passed_tokens"] == {"drawing": prompts + facts["tokens"] - len(answers)}
    assert facts["flops"]["drawing"] > 2 * 70_000 * facts["passed_tokens"]["drawing"]  # weights of the layers
    assert facts["seconds"] > 0 and facts["generation"]["do_sample"] is True
    by_question = [{answer["completion"] for answer in answers if answer["id"] == row["id"]} for row in rows]
    assert all(len(group) > 1 for group in by_question)


def test_draws_follow_the_entrys_seed_and_the_studys(draw):
    first = draw("a")[0]
    assert draw("b")[0] == first
    assert draw("c", study=2)[0] != first
    assert draw("d", seed=5)[0] != first


def test_a_killed_drawing_goes_on_and_draws_the_same(draw, monkeypatch, tmp_path):
    whole, costs = draw("whole")
    calls, draw_piece = [], training_samples._draw

    def stop_after_two(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return draw_piece(*given)

    monkeypatch.setattr(training_samples, "_draw", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        draw("killed")
    kept = sorted((tmp_path / "killed").iterdir())
    assert [len(read_jsonl(file)) for file in kept] == [6, 6]
    again, facts = draw("killed")
    assert again == whole
    assert facts["flops"] == costs["flops"] and facts["passed_tokens"] == costs["passed_tokens"]
    assert len(calls) == 3 + 4, "two of six pieces are not drawn again"


def test_questions_of_like_length_stand_side_by_side(draw, monkeypatch):
    lengths, draw_piece = [], training_samples._draw

    def watch(answerer, piece, samples):
        lengths.append([len(row["messages"][0]["content"]) for row in piece])
        return draw_piece(answerer, piece, samples)

    monkeypatch.setattr(training_samples, "_draw", watch)
    draw()
    flat = [length for piece in lengths for length in piece]
    assert flat == sorted(flat) and [len(piece) for piece in lengths] == [2] * 6
