import json

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_jsonl, write_jsonl
from tunelab.reporting.questions import (
    Texts,
    build_answer,
    build_item,
    build_questions,
    choose_pair,
    count_disagreements,
    render_data,
)

SUM = {
    **{"id": "a", "strict": False, "flexible": True, "strict_format": False, "truncated": True, "tokens": 31},
    **{"extracted": {"tagged": None, "flexible": "7"}, "rewards": {"correctness": 0.0, "xml_count": 0.125}},
}


def write_study(root, **options):
    study = build_study(**options)
    study["comparison"]["contrasts"] = [["grpo", "base"]]
    return StudyFolder(root, write_results(root, study, rows=6))


def test_an_answer_to_a_sum_is_a_short_row():
    texts, rewards = Texts(), {}
    row = build_answer({"completion": "so 7", "tokens": 31}, [SUM, SUM | {"strict": True}], texts, rewards)
    # text, tokens, last number right and cut off, no tagged number, last number, rewards, right with one of two seeds
    assert row == [0, 31, 2 + 8, -1, 1, 0, 1]
    assert texts.list() == ["so 7", "7"]
    assert rewards == {(0.0, 0.125): 0}


def test_an_answer_to_a_text_has_its_likeness_in_whole_numbers():
    score = {"id": "a", "rouge_l": 0.12345, "chrf": 45.678, "truncated": False, "tokens": 5}
    assert build_answer({"completion": "so", "tokens": 5}, [score], Texts(), {}) == [0, 5, 0, 1234, 4568]


def test_equal_texts_and_rewards_are_kept_once():
    texts, rewards = Texts(), {}
    rows = [build_answer({"completion": "so 7", "tokens": 31}, [SUM], texts, rewards) for _ in range(3)]
    assert rows[0] == rows[1] == rows[2]
    assert len(texts.list()) == 2
    assert len(rewards) == 1


def test_a_turn_shows_its_reasoning_and_its_calls():
    texts = Texts()
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "tool_calls": [{"name": "look"}]},
        {"role": "tool", "content": "4"},
        {"role": "assistant", "content": "b", "reasoning_content": "c"},
    ]
    _, said, reference, _ = build_item({"id": "x", "messages": turns}, texts)
    shown = [texts.list()[place] for place in [*said, reference]]
    assert shown == ["user", "a", "assistant", '[{"name": "look"}]', "tool", "4", "c\nb"]


def test_every_question_of_every_task_is_there_with_the_answers_of_every_run(tmp_path):
    study = write_study(tmp_path)
    data = build_questions(study)
    assert [task["name"] for task in data["tasks"]] == ["arithmetic", "support"]
    for task in data["tasks"]:
        assert len(task["items"]) == 6
        assert [len(rows) for rows in task["answers"]] == [6] * 5
    rows = read_jsonl(tmp_path / "datasets/sums/test_dataset.json")
    identifier, said, reference, gold = data["tasks"][0]["items"][2]
    texts = data["texts"]
    assert texts[identifier] == rows[2]["id"]
    assert [texts[place] for place in said] == ["user", rows[2]["messages"][0]["content"]]
    assert texts[reference] == rows[2]["messages"][1]["content"]
    assert texts[gold] == rows[2]["answer"]
    assert data["tasks"][1]["items"][2][3] == -1
    assert len(texts) == len(set(texts))
    assert [run["label"] for run in data["runs"]] == ["untouched", "LoRA", "prefix tuning", "warm start", "GRPO"]


def test_a_question_that_a_run_was_not_asked_has_no_answer_of_it(tmp_path):
    study = write_study(tmp_path)
    for name in ("answers", "scores"):
        path = tmp_path / f"runs/lora/seed1/arithmetic/{name}.jsonl"
        write_jsonl(path, read_jsonl(path)[:2])
    data = build_questions(study)
    lora, others = data["tasks"][0]["answers"][1], data["tasks"][0]["answers"][2:]
    assert [row is None for row in lora] == [False, False, True, True, True, True]
    assert all(row for rows in others for row in rows)
    assert [row["rows"] for row in count_disagreements(data)["arithmetic"]] == [6, 2, 6, 6, 6]


def test_answers_are_found_by_their_id_and_not_by_their_line(tmp_path):
    study = write_study(tmp_path)
    before = build_questions(study)
    path = tmp_path / "runs/lora/seed1/arithmetic/answers.jsonl"
    write_jsonl(path, read_jsonl(path)[::-1])
    assert build_questions(study) == before


def test_of_several_seeds_the_first_answers_and_all_are_counted(tmp_path):
    study = write_study(tmp_path, seeds=(1, 2, 3))
    for seed, strict in ((1, True), (2, False), (3, True)):
        path = tmp_path / f"runs/grpo/seed{seed}/arithmetic/scores.jsonl"
        write_jsonl(path, [row | {"strict": strict} for row in read_jsonl(path)])
    data = build_questions(study)
    assert [run["seeds"] for run in data["runs"]] == [1, 3, 3, 3, 3]
    assert [row[-1] for row in data["tasks"][0]["answers"][-1]] == [2] * 6
    first = read_jsonl(tmp_path / "runs/grpo/seed1/arithmetic/answers.jsonl")[0]["completion"]
    assert data["texts"][data["tasks"][0]["answers"][-1][0][0]] == first


def test_the_first_contrast_is_compared_at_first_and_else_the_untouched_model_with_the_last_run(tmp_path):
    study = build_study()
    study["comparison"]["contrasts"] = [["removed", "base"], ["lora", "prefix"], ["grpo", "base"]]
    assert choose_pair(StudyFolder(tmp_path, study)) == [2, 1]
    study["comparison"]["contrasts"] = []
    assert choose_pair(StudyFolder(tmp_path, study)) == [0, 4]
    without = build_study(runs=("lora", "prefix", "warmstart"))
    without["comparison"]["contrasts"] = []
    assert choose_pair(StudyFolder(tmp_path, without)) == [0, 2]


def test_a_missing_file_of_scores_is_named(tmp_path):
    study = write_study(tmp_path)
    (tmp_path / "runs/lora/seed1/support/scores.jsonl").unlink()
    with pytest.raises(UserError, match=r"results/runs/lora/seed1/support/scores\.jsonl is missing"):
        build_questions(study)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("</script><!--", r'"\u003c/script\u003e\u003c!--"'),
        ("a & b", r'"a \u0026 b"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ("\x00\r\n", r'"\u0000\r\n"'),
        ("\ud800 alone", r'"\ud800 alone"'),
        ("😀 苹果", '"😀 苹果"'),
    ],
)
def test_embedded_text_cannot_end_its_element_and_reads_back_as_it_was(text, written):
    rendered = str(render_data(text))
    assert rendered == written
    assert json.loads(rendered) == text


def test_a_number_that_json_does_not_know_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        render_data([float("nan")])
