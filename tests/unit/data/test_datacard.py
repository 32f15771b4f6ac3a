from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import Example
from tunelab.data.preparing import build_data_card, measure_overlap

THIRTEEN = "one two three four five six seven eight nine ten eleven twelve thirteen"


def ask(question):
    return Example(question, ({"role": "user", "content": question}, {"role": "assistant", "content": "A."}))


def overlap(train, test):
    return measure_overlap([ask(text) for text in train], [ask(text) for text in test])


def test_equal_questions_are_exact_overlap_and_shared_ngrams_partial():
    test = ["Why?", f"Before. {THIRTEEN.upper()}, after!", THIRTEEN.replace("seven", "eight"), "Something else"]
    assert overlap(["Why?", THIRTEEN, "Why not?"], test) == {"exact": 1, "ngram13": 2, "test_rows": 4}


def test_a_question_under_thirteen_words_matches_only_as_a_whole():
    short = THIRTEEN.removesuffix(" thirteen")
    assert overlap([THIRTEEN], [short]) == {"exact": 0, "ngram13": 0, "test_rows": 1}
    assert overlap([short], [short]) == {"exact": 1, "ngram13": 1, "test_rows": 1}


def test_chinese_is_counted_by_characters():
    text = "为什么我的银行卡在高压锅里煮了一晚上"
    assert overlap([text], [f"请问{text[:13]}"]) == {"exact": 0, "ngram13": 1, "test_rows": 1}
    assert overlap([text], [f"请问{text[:12]}"]) == {"exact": 0, "ngram13": 0, "test_rows": 1}


def test_the_card_counts_rows_duplicates_and_overlap_and_shows_three_rows():
    splits = {
        "train": [ask("Why?"), ask("Why?"), ask("How?"), ask("Who?")],
        "validation": [ask("When?")],
        "test": [ask("Where?"), ask("When?")],
    }
    fetched = {"synthetic": True, "licence": "MIT", "source": {"source": "generated"}, "revision": None}
    left_out = {"duplicates": 2, "left_out_in_test": 5}
    card = build_data_card("sums", fetched, PrepareSpec(format="question_answer", system="Be brief."), splits, left_out)
    examples = card.pop("examples")
    assert [example["messages"][0]["content"] for example in examples] == ["Why?", "Why?", "How?"]
    assert card == {
        "dataset": "sums",
        "synthetic": True,
        "licence": "MIT",
        "rows": {"train": 4, "validation": 1, "test": 2},
        "duplicates": 2,
        "left_out_in_test": 5,
        "several_replies": 0,
        "overlap": {"exact": 1, "ngram13": 1, "test_rows": 2},
        "seed": 42,
        "format": "question_answer",
        "system": "Be brief.",
    }
