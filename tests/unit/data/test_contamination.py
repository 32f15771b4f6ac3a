import random

import pytest

from tunelab.config.study import Study
from tunelab.data.contamination import find_near, measure_overlaps
from tunelab.data.overlap import find_exact, find_shared
from tunelab.data.worked_answers import ONE_SHOT
from tunelab.jobs.layout import StudyFolder
from tunelab.records import write_jsonl

WORDS = [f"word{number}" for number in range(14)]


@pytest.mark.parametrize(
    ("changed", "near"),
    [
        ({}, True),
        ({0: "first"}, True),  # one 5-gram of ten is another: nine of eleven are shared
        ({13: "last"}, True),
        ({0: "first", 13: "last"}, False),  # eight of twelve
        ({7: "mid"}, False),  # five 5-grams hold the word
    ],
)
def test_near_duplicates_share_four_fifths_of_all_their_five_grams(changed, near):
    question = " ".join(changed.get(place, word) for place, word in enumerate(WORDS))
    assert find_near([question], [" ".join(WORDS), "something quite different from all of that"]).tolist() == [near]


@pytest.mark.parametrize(("length", "near"), [(17, False), (24, True)])  # 11 of 15 5-grams are shared, and 18 of 22
def test_just_below_four_fifths_is_no_near_duplicate(length, near):
    words = [f"word{number}" for number in range(length)]
    assert find_near([" ".join(["first", *words[1:-1], "last"])], [" ".join(words)]).tolist() == [near]


def test_near_duplicates_are_those_of_a_plain_count(monkeypatch):
    monkeypatch.setattr("tunelab.data.contamination.CHUNK", 7)
    drawn = random.Random(1)
    texts = [
        " ".join(drawn.choice(["new", word]) if drawn.random() < 0.1 else word for word in WORDS) for _ in range(60)
    ]

    def count(text):
        words = text.split()
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    sets = [count(text) for text in texts]
    expected = [any(len(one & other) >= 0.8 * len(one | other) for other in sets[20:]) for one in sets[:20]]
    assert find_near(texts[:20], texts[20:]).tolist() == expected
    assert 0 < sum(expected) < 20


def test_a_question_too_short_for_an_n_gram_is_found_as_a_whole_only():
    assert find_near(["Why so?"], ["Why so?"]).tolist() == [False]
    assert find_shared(["Why so?"], ["Why so?"]).tolist() == [False]
    assert find_exact(["Why  so?"], ["Why so?"]).tolist() == [True]


def test_units_of_chinese_are_characters():
    known = "为什么我的银行卡在高压锅里煮了一晚上还是不能用"
    assert find_near([known[:-1]], [known]).tolist() == [True]
    assert find_near([known[:13]], [known]).tolist() == [False]
    assert find_shared([known[:13]], [known]).tolist() == [True]


def test_no_training_data_overlaps_with_nothing():
    assert [find(["Why?"], []).tolist() for find in (find_exact, find_shared, find_near)] == [[False]] * 3


def build_row(name, question):
    return {"id": name, "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": "A."}]}


def test_every_test_set_is_held_against_every_training_set_and_validation_rows_count(tmp_path):
    spec = {
        "study": {"runs": ["base", "tuned"], "seeds": [1], "tasks": ["own", "other"]},
        "runs": {
            "base": {"method": "base", "model": "m"},
            "tuned": {"method": "sft", "model": "m", "dataset": "a", "init_from": None},
        },
        "tasks": {"own": {"dataset": "a"}, "other": {"dataset": "b"}},
    }
    questions = {
        ("a", "train"): ["What is one?"],
        ("a", "validation"): [" ".join(WORDS)],
        ("a", "test"): ["What  is one?", "New?", f"Say: {' '.join(WORDS[:13])}!"],
        ("b", "test"): [" ".join(WORDS[:13]), "What is two?"],
        ("b", "train"): ["What is two?"],  # no run learns from it
    }
    for (dataset, split), asked in questions.items():
        rows = [build_row(f"{split}{place}", question) for place, question in enumerate(asked)]
        write_jsonl(tmp_path / f"datasets/{dataset}/{split}_dataset.json", rows)
    study = StudyFolder(tmp_path, spec)
    assert isinstance(study, Study)
    found = measure_overlaps(study)
    twins = [row.pop("twins") for row in found]
    assert [(twin["numbers"], twin["question"], twin["answer"], twin["both"]) for twin in twins[0]] == [
        ("kept", ["test0", "test2"], ["test0", "test1", "test2"], ["test0", "test2"]),
        ("masked", ["test0", "test2"], ["test0", "test1", "test2"], ["test0", "test2"]),
    ]
    assert [(twin["usual"], twin["usual_of"]) for twin in twins[0]] == [(0, 2), (0, 2)]
    assert found == [
        {"task": "own", "dataset": "a", "rows": 3, "exact": ["test0"], "ngram13": ["test2"], "near": ["test2"]},
        {"task": "other", "dataset": "a", "rows": 2, "exact": [], "ngram13": ["test0"], "near": ["test0"]},
    ]


@pytest.mark.parametrize("system", [[], [{"role": "system", "content": "Think."}]])
def test_the_worked_example_before_every_question_is_not_what_rows_share(tmp_path, system):
    spec = {
        "study": {"runs": ["tuned"], "seeds": [1], "tasks": ["sums"]},
        "runs": {"tuned": {"method": "sft", "model": "m", "dataset": "a", "init_from": None}},
        "tasks": {"sums": {"dataset": "a"}},
    }
    asked = {"train": [" ".join(WORDS)], "validation": ["How many?"], "test": ["Another sum", " ".join(WORDS[:13])]}
    for split, questions in asked.items():
        rows = [build_row(f"{split}{place}", question) for place, question in enumerate(questions)]
        shown = [row | {"messages": [*system, *ONE_SHOT, *row["messages"]]} for row in rows]
        write_jsonl(tmp_path / f"datasets/a/{split}_dataset.json", shown)
    (found,) = measure_overlaps(StudyFolder(tmp_path, spec))
    assert (found["exact"], found["ngram13"], found["near"]) == ([], ["test1"], ["test1"])


ASKED = "How often must the pump of hall nine be oiled?"
ANSWER = "Once in three weeks, with the oil that stands beside it."
BEFORE, BEHIND = "As people say every other day: ", " That is all there is to know about pumps in general, and no more."
IN_TEXTS = {
    "the question": (f"{BEFORE}{ASKED}{BEHIND}", {"exact", "near", "question"}),
    "the answer": (f"{BEFORE}{ANSWER}{BEHIND}", {"answer"}),
    "both": (f"{BEFORE}{ASKED} {ANSWER}{BEHIND}", {"exact", "near", "question", "answer", "both"}),
    "nearly the question": (f"{BEFORE}{ASKED.replace('How often m', 'M')}{BEHIND}", set()),
    "but for one word": (f"{BEFORE}{ASKED.replace('How often', 'Often')}{BEHIND}", {"near", "question"}),
    "something else": (f"{BEFORE}{BEHIND}", set()),
}


def measure_texts(folder, texts, question=ASKED, answer=ANSWER):
    spec = {
        "study": {"runs": ["reading"], "seeds": [1], "tasks": ["own"]},
        "runs": {"reading": {"method": "sft", "model": "m", "dataset": "manuals", "init_from": None}},
        "tasks": {"own": {"dataset": "asked"}},
    }
    row = {"id": "q", "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
    rows = [{"id": f"t{number}", "text": text} for number, text in enumerate(texts)]
    write_jsonl(folder / "datasets/asked/test_dataset.json", [row])
    write_jsonl(folder / "datasets/manuals/train_dataset.json", rows[1:])
    write_jsonl(folder / "datasets/manuals/validation_dataset.json", rows[:1])
    (found,) = measure_overlaps(StudyFolder(folder, spec))
    hits = {kind for kind in ("exact", "ngram13", "near") if found[kind]}
    return found, hits | {part for part in ("question", "answer", "both") if found["twins"][0][part]}


@pytest.mark.parametrize(("text", "expected"), IN_TEXTS.values(), ids=IN_TEXTS)
def test_what_stands_in_a_plain_text_is_found_wherever_in_it(tmp_path, text, expected):
    found, hits = measure_texts(tmp_path, [text, "Nothing of the kind is in this one."])
    assert hits == expected
    assert (found["task"], found["dataset"], found["rows"], found["texts"]) == ("own", "manuals", 1, True)


def test_question_and_answer_of_one_text_are_a_twin_in_both_and_those_of_two_texts_are_not(tmp_path):
    assert measure_texts(tmp_path, [f"{BEFORE}{ASKED}", f"{ANSWER}{BEHIND}"])[1] == {
        "exact",
        "near",
        "question",
        "answer",
    }


def test_few_words_stand_in_texts_by_chance_and_count_only_as_a_text_of_their_own(tmp_path):
    texts = ["Someone said: who is it, who?", "It is Ann, of course."]
    assert measure_texts(tmp_path, texts, "Who is it?", "It is Ann.")[1] == set()
    assert measure_texts(tmp_path, ["Who is it?", "It is Ann."], "Who is it?", "It is Ann.")[1] == {
        *("exact", "question", "answer"),
    }


def test_a_question_counts_as_held_only_with_its_words_in_a_row(tmp_path):
    scattered = "a b c d e x f g h i j"
    _, hits = measure_texts(tmp_path, [scattered], "a b c d e f g h i j")
    assert hits == set()
    assert "exact" in measure_texts(tmp_path, ["x a b c d e f g h i j"], "a b c d e f g h i j")[1]
    assert "exact" not in measure_texts(tmp_path, ["xa b c d e f g h i jx"], "a b c d e f g h i j")[1]


def test_texts_that_hold_one_another_are_counted_as_usual(tmp_path):
    found, _ = measure_texts(tmp_path, [f"{BEFORE}{BEHIND}", BEHIND, "Something that stands by itself alone here."])
    assert [(twins["usual"], twins["usual_of"]) for twins in found["twins"]] == [(1, 3), (1, 3)]
