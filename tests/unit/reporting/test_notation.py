import pytest

from tunelab.errors import UserError
from tunelab.reporting.notation import (
    FILTERS,
    format_amount,
    format_bytes,
    format_difference,
    format_interval,
    format_metric,
    format_p,
    format_p_relation,
    format_rate,
    format_seconds,
    format_size,
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (format_metric(0.417, "strict"), "41.7\u202f%"),
        (format_metric(0.417, "pass@4"), "41.7\u202f%"),
        (format_metric(2.1134, "loss"), "2.113"),
        (format_metric(48.25, "tokens"), "48.2"),
        (format_difference(0.042, "strict"), "+4.2\u202fpp"),
        (format_difference(-0.1134, "loss"), "−0.113"),
        (format_difference(-0.0001, "loss"), "0.000"),
        (format_difference(0.0001, "strict"), "0.0\u202fpp"),
        (format_size(-0.042, "strict"), "4.2\u202fpp"),
        (format_size(0.05, "loss"), "0.050"),
        (format_interval({"low": 0.288, "high": 0.557, "metric": "strict"}), "[28.8,\u202f55.7]"),
        (format_interval({"low": -0.5, "high": 0.25}, "loss"), "[−0.500,\u202f0.250]"),
        (format_p(0.0123), "0.012"),
        (format_p(0.0004), "<\u202f0.001"),
        (format_p_relation(0.0123), "p\u202f=\u202f0.012"),
        (format_p_relation(0.0004), "p\u202f<\u202f0.001"),
        (format_rate(3e-4), "0.0003"),
        (format_amount(4_884_480), "4.88\u202fM"),
        (format_amount(999), "999"),
        (format_amount(999_499), "999\u202fk"),
        (format_amount(999_600), "1\u202fM"),
        (format_amount(999_999_999), "1\u202fB"),
        (format_amount(1_500_000_000_000), "1,500\u202fB"),
        (format_bytes(999), "999\u202fB"),
        (format_bytes(999_960), "1.0\u202fMB"),
        (format_bytes(999_960_000), "1.0\u202fGB"),
        (format_bytes(2_411_724_800), "2.4\u202fGB"),
        (format_seconds(59.94), "59.9\u202fs"),
        (format_seconds(59.96), "1\u202fmin 00\u202fs"),
        (format_seconds(3_569), "59\u202fmin 29\u202fs"),
        (format_seconds(3_599.4), "59\u202fmin 59\u202fs"),
        (format_seconds(3_599.6), "1\u202fh 00\u202fmin"),
        (format_seconds(7_171), "2\u202fh 00\u202fmin"),
        (format_seconds(9.13), "9.1\u202fs"),
        (format_seconds(154.5), "2\u202fmin 34\u202fs"),
        (format_seconds(4000), "1\u202fh 07\u202fmin"),
    ],
)
def test_numbers_are_written_with_units(written, expected):
    assert written == expected


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "12", True])
@pytest.mark.parametrize("name", ["count", "percent", "decimal", "bytes", "seconds", "p", "amount"])
def test_what_is_no_number_stops_the_build(name, value):
    with pytest.raises(UserError, match="in place of a value"):
        FILTERS[name](value)


def test_an_interval_without_an_end_stops_the_build():
    with pytest.raises(UserError, match="in place of a value"):
        FILTERS["interval"]({"low": None, "high": 0.5, "metric": "loss"})
