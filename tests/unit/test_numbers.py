import pytest

from tunelab.numbers import find_last_number, is_equal_number, normalise_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("72", "72"),
        (" 72\n", "72"),
        ("1,000", "1000"),
        ("1,234,567.50", "1234567.5"),
        ("72.0", "72"),
        ("72.", "72"),
        ("$18.", "18"),
        ("$18.00", "18"),
        ("18 $", "18"),
        ("50%", "50"),
        ("50 %.", "50"),
        ("- $ 3", "-3"),
        ("-3", "-3"),
        ("\u22123", "-3"),
        ("-$3", "-3"),
        ("$-3", "-3"),
        ("+5", "5"),
        ("\uff11\uff12", "12"),
        ("\uff0d\uff11\uff0c\uff10\uff10\uff10\uff0e\uff15", "-1000.5"),
        (".5", "0.5"),
        ("007", "7"),
        ("0", "0"),
        ("-0.00", "0"),
        ("123456789012345678901234567890.10", "123456789012345678901234567890.1"),
    ],
)
def test_a_number_has_one_normal_form(text, number):
    assert normalise_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "$",
        "-",
        "%",
        "\u00b2",
        "5\u00b2",
        "1/2",
        "\u00bd",
        "1e3",
        "3,4",
        "1,00",
        "12,34,567",
        "1000,000",
        "1 000",
        "--3",
        "-$-3",
        "1.2.3",
        "18 dollars",
        "x = 18",
        "eighteen",
        "\u0661\u0662",
        "\u2460",
        "nan",
        "inf",
    ],
)
def test_what_is_not_plainly_one_number_is_none(text):
    assert normalise_number(text) is None


def test_numbers_are_compared_as_numbers():
    assert is_equal_number("$1,000.00", "1000")
    assert not is_equal_number("1001", "1000")
    assert not is_equal_number("3", "-3")
    assert not is_equal_number("none", "0")
    assert not is_equal_number(None, "0")


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("First 3, then 18.", "18"),
        ("It costs $1,250.50, she says.", "$1,250.50"),
        ("The answer is 72...", "72"),
        ("The answer is 72 ...", "72"),
        ("It is -4", "-4"),
        ("10-5", "-5"),
        ("It is \u22124 now", "-4"),
        ("\u7b54\u6848\u662f\uff11\uff18\u3002", "18"),
        ("half is 1/2", "1/2"),
        ("<answer>\n7\n</answer>", "7"),
        ("5\u00b2", "5\u00b2"),
        ("no digits at all, $.", None),
        ("", None),
    ],
)
def test_the_last_number_of_a_text_is_found(text, last):
    assert find_last_number(text) == last
