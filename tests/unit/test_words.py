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
