import pytest

from tunelab.notation import format_amount, format_bytes, format_metric, format_seconds


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (format_metric(0.417, "strict"), "41.7\u202f%"),
        (format_metric(2.1134, "loss"), "2.113"),
        (format_metric(48.25, "tokens"), "48.2"),
        (format_amount(4_884_480), "4.88\u202fM"),
        (format_bytes(2_411_724_800), "2.4\u202fGB"),
        (format_seconds(9.13), "9.1\u202fs"),
        (format_seconds(154.5), "2\u202fmin 34\u202fs"),
        (format_seconds(4000), "1\u202fh 07\u202fmin"),
    ],
)
def test_numbers_are_written_with_units(written, expected):
    assert written == expected
