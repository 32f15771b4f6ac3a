"""Several answers to each question: drawn by a seed, numbered per question, and judged one by one."""

import json

import pytest

from tests.unit.models.run_models import build_run_model
from tunelab.config.specs.evaluation import GenerationSpec, SamplingSpec, TaskSpec
from tunelab.errors import UserError
from tunelab.evaluation import generation
from tunelab.records import read_jsonl, write_jsonl
from tunelab.scoring.scorers import build_sample_scores, score_maths

SPEC = SamplingSpec(samples=3, k=(1, 3), temperature=2.0, batch_size=5)
REFERENCES = [{"id": name, "messages": [], "answer": answer} for name, answer in (("a", "7"), ("b", "12"), ("c", "1"))]


def draw(llama, rows, **changes):
    return generation.sample_rows(build_run_model(llama), rows, SPEC.model_copy(update=changes), 10)


def build_samples(*completions):
    """Two answers each to the questions a, b, c."""
    names = [(name, number) for name in "abc" for number in (0, 1)]
    return [
        {"id": name, "sample": number, "completion": text, "tokens": 3, "finish": "stop"}
        for (name, number), text in zip(names, completions, strict=True)
    ]


def test_every_question_has_its_answers_in_a_row_and_numbered(llama, rows):
    made = draw(llama, rows[:4])
    assert [(answer["id"], answer["sample"]) for answer in made] == [(f"row{r}", n) for r in range(4) for n in range(3)]
    assert all(set(answer) == {"id", "sample", "completion", "tokens", "finish"} for answer in made)
    assert all(answer["tokens"] <= 10 for answer in made)


def test_answers_to_one_question_differ(llama, rows):
    made = draw(llama, rows[:4])
    assert all(len({answer["completion"] for answer in made[start : start + 3]}) > 1 for start in (0, 3, 6, 9))


def test_drawing_follows_the_seed_and_the_temperature(llama, rows):
    assert draw(llama, rows[:2]) == draw(llama, rows[:2])
    assert draw(llama, rows[:2]) != draw(llama, rows[:2], seed=1)
    cold = draw(llama, rows[:2], temperature=1e-3)
    greedy, _ = generation.answer_rows(build_run_model(llama), rows[:2], GenerationSpec(max_new_tokens=10))
    assert [answer["completion"] for answer in cold] == [answer["completion"] for answer in greedy for _ in range(3)]


def test_fields_of_the_section_reach_the_generation(monkeypatch, llama, rows):
    given = []
    monkeypatch.setattr(generation, "answer_rows", lambda run_model, asked, spec: (given.append(spec), {}))
    with pytest.raises(TypeError):
        generation.sample_rows(
            build_run_model(llama), rows, SPEC.model_copy(update={"top_p": 0.5, "top_k": 4, "seed": 9}), 11
        )
    assert given == [
        GenerationSpec(max_new_tokens=11, batch_size=5, do_sample=True, temperature=2.0, top_p=0.5, top_k=4, seed=9)
    ]


def test_every_answer_is_judged_as_a_single_one_is():
    samples = build_samples("<answer>7</answer>", "It is 7.", "12", "13", "", "<answer>\n2\n</answer>")
    scores = build_sample_scores(samples, REFERENCES, 2, "sums")
    assert [(row["id"], row["sample"], row["tagged"], row["flexible"]) for row in scores] == [
        ("a", 0, True, True),
        ("a", 1, False, True),
        ("b", 0, False, True),
        ("b", 1, False, False),
        ("c", 0, False, False),
        ("c", 1, False, False),
    ]
    assert scores[1] == {"sample": 1} | score_maths(samples[1], REFERENCES[0])


def test_verdicts_come_in_the_order_of_the_references_whatever_the_answers():
    samples = build_samples(*"777777")[::-1]
    assert [row["id"] for row in build_sample_scores(samples, REFERENCES, 2, "sums")] == [*"aabbcc"]


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        (build_samples(*"777777")[1:], 2),
        (build_samples(*"777777"), 3),
        (build_samples(*"777777"), 1),
        ([*build_samples(*"777777")[1:], build_samples(*"777777")[1]], 2),
        ([*build_samples(*"777777"), {"id": "z", "sample": 0}], 2),
    ],
)
def test_answers_of_other_questions_or_too_few_are_a_sentence(samples, count):
    with pytest.raises(
        UserError, match=r"task sums: samples\.jsonl and test_dataset\.json do not belong together"
    ) as e:
        build_sample_scores(samples, REFERENCES, count, "sums")
    assert f"{len(samples)} answers, where 3 test rows ask for {count} each. Delete samples.jsonl" in str(e.value)


def test_the_stages_take_the_first_rows_only(tmp_path, llama, rows):
    import generate_samples
    import score_samples

    references, samples, scores = (tmp_path / name for name in ("test.json", "samples.jsonl", "scores.jsonl"))
    write_jsonl(references, rows)
    few = SPEC.model_copy(update={"rows": 2})
    task = TaskSpec(label="S", dataset="d", kind="maths", generation={"max_new_tokens": 4}, sampling=few)
    of_model = [llama.parent / name for name in ("card.json", "precision.json", "chat_template.jinja")]
    generate_samples.main(*of_model, references, [], samples, task, first=2)
    score_samples.main(samples, references, scores, few, "sums", first=2)
    assert [(row["id"], row["sample"]) for row in read_jsonl(scores)] == [
        (f"row{r}", n) for r in (0, 1) for n in range(3)
    ]
    assert all(answer["tokens"] <= 4 for answer in read_jsonl(samples))
    assert json.loads(samples.read_text().splitlines()[0])["id"] == "row0"
