import itertools
import unicodedata

import pytest
import score_answers

from tunelab import records
from tunelab.config.specs.evaluation import GenerationSpec, TaskSpec
from tunelab.errors import UserError
from tunelab.scoring.scorers import build_metrics, build_scores, score_maths

STRICT = "<reasoning>\n9 + 9 = 18\n</reasoning>\n<answer>\n18\n</answer>"


def answer(identifier, completion, finish="stop"):
    return {"id": identifier, "completion": completion, "tokens": 7, "finish": finish}


def reference(identifier, reply="The reply.", **fields):
    return {
        "id": identifier,
        "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": reply}],
    } | fields


def judge(completion, gold="18", finish="stop"):
    return score_maths(answer("a", completion, finish), reference("a", answer=gold))


def score_text(completion, wanted):
    (score,) = build_scores([answer("a", completion)], [reference("a", wanted)], "text", "quiz")
    return score


def test_a_right_answer_in_the_right_format_is_right_in_every_way():
    assert judge(STRICT) == {
        "id": "a",
        "strict": True,
        "tagged": True,
        "flexible": True,
        "strict_format": True,
        "soft_format": True,
        "no_answer": False,
        "truncated": False,
        "tokens": 7,
        "extracted": {"tagged": "18", "flexible": "18"},
        "answer": "18",
        "rewards": {"correctness": 2.0, "integer": 0.5, "strict_format": 0.5, "soft_format": 0.5, "xml_count": 0.5},
    }


# completion, then strict, tagged, flexible, strict_format, soft_format, no_answer, and what was extracted
@pytest.mark.parametrize(
    ("completion", "verdict", "tagged", "flexible"),
    [
        ("<answer>$18.00</answer>", (False, True, True, False, False, False), "$18.00", "$18.00"),
        (STRICT.replace("18\n</answer>", "19\n</answer>"), (False, False, False, True, True, False), "19", "19"),
        ("The answer is 18.", (False, False, True, False, False, True), None, "18"),
        ("<answer>18</answer> Or 19?", (False, True, False, False, False, False), "18", "19"),
        ("<answer>19</answer> No: <answer>18</answer>", (False, True, True, False, False, False), "18", "18"),
        (f"<think>19? <answer>19</answer></think>\n{STRICT}", (True, True, True, True, True, False), "18", "18"),
        (f"Hm, <answer>19</answer>\n</think>\n\n{STRICT}", (True, True, True, True, True, False), "18", "18"),
        ("<think><answer>18</answer></think> Who knows.", (False, False, False, False, False, True), None, None),
        ("<think>\n18, <answer>18</answer>", (False, False, False, False, False, True), None, None),
        (f" {STRICT}", (True, True, True, True, True, False), "18", "18"),
        ("<answer>eighteen</answer>", (False, False, False, False, False, False), "eighteen", None),
        ("<answer></answer>", (False, False, False, False, False, True), None, None),
        ("", (False, False, False, False, False, True), None, None),
    ],
)
def test_format_and_number_are_judged_apart(completion, verdict, tagged, flexible):
    score = judge(completion)
    names = ("strict", "tagged", "flexible", "strict_format", "soft_format", "no_answer")
    assert tuple(score[name] for name in names) == verdict
    assert score["extracted"] == {"tagged": tagged, "flexible": flexible}


def test_an_answer_cut_at_its_length_is_truncated():
    assert judge("<reasoning>\n9 +", finish="length")["truncated"] is True


@pytest.mark.parametrize(("text", "gold"), [("1,000", "1000"), ("\u22123", "-3"), ("-3", "-3"), ("2.50", "2.5")])
def test_gold_numbers_with_commas_and_signs_are_met(text, gold):
    score = judge(f"<answer>{text}</answer>", gold)
    assert (score["tagged"], score["flexible"]) == (True, True)


def test_text_is_judged_by_likeness_length_and_end():
    assert score_text("The cat sat.", "The cat sat.") == {
        "id": "a",
        "rouge_l": 1.0,
        "chrf": 100.0,
        "length_ratio": 1.0,
        "truncated": False,
        "tokens": 7,
    }


def test_rouge_is_the_f_measure_of_the_longest_common_subsequence_of_words():
    score = score_text("The dog sat", "the cat sat on the mat")
    assert score["rouge_l"] == pytest.approx(2 * (2 / 3) * (2 / 6) / (2 / 3 + 2 / 6))
    assert score["length_ratio"] == 0.5


def test_chinese_is_compared_by_characters():
    score = score_text("不是新娘", "不是。是继母")
    assert score["rouge_l"] == pytest.approx(2 * (2 / 4) * (2 / 5) / (2 / 4 + 2 / 5))
    assert 0 < score["chrf"] < 100


@pytest.mark.parametrize("text", ["café au lait", "हिन्दी में", "สวัสดี", "ガイド", "Ångström"])
def test_a_text_is_like_itself_in_every_canonical_form(text):
    for said, wanted in itertools.product([unicodedata.normalize(form, text) for form in ("NFC", "NFD")], repeat=2):
        score = score_text(said, wanted)
        assert (score["rouge_l"], score["chrf"], score["length_ratio"]) == (1.0, 100.0, 1.0)


def test_an_empty_text_is_like_nothing():
    score = score_text("", "The reply.")
    assert (score["rouge_l"], score["chrf"], score["length_ratio"]) == (0.0, 0.0, 0.0)


def test_verdicts_come_in_the_order_of_the_references():
    scores = build_scores([answer("b", "B"), answer("a", "A")], [reference("a"), reference("b")], "text", "quiz")
    assert [score["id"] for score in scores] == ["a", "b"]


@pytest.mark.parametrize(
    ("answered", "complaint"),
    [
        (["a"], r"of 2 test rows and 1 answers, 1 missing \(first: b\)\. Delete"),
        (["a", "b", "b"], r"1 answered more than once \(first: b\)"),
        (["a", "b", "c"], r"1 not in the test data \(first: c\)"),
        (["c", "d"], r"2 missing \(first: a\), 2 not in the test data \(first: c\)"),
    ],
)
def test_answers_that_do_not_belong_to_the_references_are_refused(answered, complaint):
    answers = [answer(identifier, "A") for identifier in answered]
    with pytest.raises(UserError, match=f"task quiz: .*{complaint}"):
        build_scores(answers, [reference("a"), reference("b")], "text", "quiz")


def test_maths_without_a_gold_number_is_refused():
    with pytest.raises(UserError, match=r"tasks\.sums\.kind: maths needs a gold number, and the row a "):
        build_scores([answer("a", "18")], [reference("a")], "maths", "sums")


def test_metrics_are_means_with_the_number_of_rows_behind_them():
    metrics = build_metrics([judge(STRICT), judge("It is 18."), judge("", finish="length"), judge(STRICT, gold="7")])
    assert {name: metric["value"] for name, metric in metrics.items()} == {
        "strict": 0.25,
        "tagged": 0.25,
        "flexible": 0.5,
        "strict_format": 0.5,
        "soft_format": 0.5,
        "no_answer": 0.5,
        "truncated": 0.25,
        "tokens": 7.0,
        "reward": 1.5,
        "reward/correctness": 0.5,
        "reward/integer": 0.25,
        "reward/strict_format": 0.25,
        "reward/soft_format": 0.25,
        "reward/xml_count": 0.25,
    }
    assert {metric["n"] for metric in metrics.values()} == {4}


def test_the_script_writes_a_verdict_per_row_and_their_means(tmp_path):
    answers, references, scores, metrics = (tmp_path / name for name in ("answers", "references", "scores", "metrics"))
    records.write_jsonl(answers, [answer("a", "The reply.", finish="length")])
    records.write_jsonl(references, [reference("a")])
    spec = TaskSpec(label="Quiz", dataset="quiz", kind="text", generation=GenerationSpec(max_new_tokens=8))
    score_answers.main(answers, references, scores, metrics, spec, run="lora", seed="3", task="quiz")
    assert [score["id"] for score in records.read_jsonl(scores)] == ["a"]
    written = records.read_json(metrics)
    assert {name: written[name] for name in ("run", "seed", "task", "kind", "n")} == {
        "run": "lora",
        "seed": 3,
        "task": "quiz",
        "kind": "text",
        "n": 1,
    }
    assert written["metrics"]["truncated"] == {"value": 1.0, "n": 1}
    assert list(written["metrics"]) == ["rouge_l", "chrf", "length_ratio", "truncated", "tokens"]
