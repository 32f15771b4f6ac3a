import unicodedata

import pytest

from tunelab.words import split_words


def test_words_are_lower_case_and_without_punctuation():
    assert split_words("Don't panic: RAM_2 costs 3.5 Euro!") == [
        "don",
        "t",
        "panic",
        "ram",
        "2",
        "costs",
        "3",
        "5",
        "euro",
    ]


def test_letters_beyond_ascii_stay_in_their_word():
    assert split_words("Größe naïve") == ["größe", "naïve"]


def test_chinese_is_cut_into_characters_and_latin_within_it_into_words():
    assert split_words("我的GPU卡住了。") == ["我", "的", "gpu", "卡", "住", "了"]


def test_a_text_without_words_has_none():
    assert split_words("?! …") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में जवाब", ["हिन्दी", "में", "जवाब"]),
        ("สวัสดี 1", ["สวัสดี", "1"]),
        ("مَرْحَبًا بك", ["مَرْحَبًا", "بك"]),
        ("می\u200cکنم", ["می\u200cکنم"]),
        ("தமிழ்", ["தமிழ்"]),
    ],
)
def test_a_vowel_sign_or_an_accent_stays_in_its_word(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize("text", ["café naïve", "ガイド 3", "한국어", "Ǟ"])
def test_a_text_has_the_same_words_in_every_canonical_form(text):
    assert split_words(unicodedata.normalize("NFD", text)) == split_words(unicodedata.normalize("NFC", text))


def test_a_mark_without_a_letter_begins_no_word():
    assert split_words("\u0301 👩\u200d👧 _\u0301") == []
