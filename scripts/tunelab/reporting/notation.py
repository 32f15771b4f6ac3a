"""Write numbers for people, the same in every language: percent, units, thousands, durations.

The functions are filters of the templates. A value that is no number stops the build.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from tunelab.comparison.metrics import find_metric
from tunelab.config.study import Study
from tunelab.errors import UserError

# seaborn's "colorblind" palette, written out because the page needs the colours without loading a plotting library
COLOURS = (
    "#0173b2",
    "#de8f05",
    "#029e73",
    "#d55e00",
    "#cc78bc",
    "#ca9161",
    "#fbafe4",
    "#949494",
    "#ece133",
    "#56b4e9",
)


def find_colour(study: Study, run: str) -> str:
    """Return a run's colour, the same in figures and page."""
    return COLOURS[study.runs.index(run) % len(COLOURS)]


THIN = "\u202f"  # narrow no-break space between a number and its unit
MINUS = "−"
POINTS = f"{THIN}pp"  # percentage points
SMALLEST_P = 0.001


def format_metric(value: float, metric: str) -> str:
    """Write a value in its metric's style: `41.7 %`, `2.113`, `48.3`."""
    return format_percent(value) if is_share(metric) else _round(value, metric)


def format_difference(value: float, metric: str) -> str:
    """Write a difference between two values with its sign: `+4.2 pp`, `−0.113`."""
    text = _round(value * (100 if is_share(metric) else 1), metric)
    rounded_to_zero = not text.strip(f"{MINUS}0.")
    sign = "" if rounded_to_zero or value < 0 else "+"
    return f"{sign}{text.strip(MINUS) if rounded_to_zero else text}{POINTS if is_share(metric) else ''}"


def format_size(value: float, metric: str) -> str:
    """Write how large a difference is, whatever its direction: `4.2 pp`."""
    return format_difference(abs(value), metric).removeprefix("+")


def format_interval(row: dict, metric: str | None = None) -> str:
    """Write the two ends of a row's interval without unit: `[28.8, 55.7]`; `metric` where the row names none."""
    metric = metric or row["metric"]
    scale = 100 if is_share(metric) else 1
    low, high = (_round(require_number(row[end]) * scale, metric) for end in ("low", "high"))
    return f"[{low},{THIN}{high}]"


def format_p(p: float) -> str:
    """Write a p-value; one below SMALLEST_P is written as less than it."""
    return f"<{THIN}{SMALLEST_P}" if p < SMALLEST_P else f"{p:.3f}"


def format_p_relation(p: float) -> str:
    """Write a p-value for a sentence: `p = 0.012`."""
    text = format_p(p)
    return f"p{THIN}{text if text.startswith('<') else f'={THIN}{text}'}"


def is_share(metric: str) -> bool:
    return find_metric(metric).style == "percent"


def _round(value: float, metric: str) -> str:
    digits = 3 if find_metric(metric).style == "decimal" else 1
    return format_decimal(value, digits)


def format_decimal(value: float, digits: int = 2) -> str:
    return f"{value:,.{digits}f}".replace("-", MINUS)


def format_percent(share: float, digits: int = 1) -> str:
    return f"{share:.{digits}%}".replace("%", f"{THIN}%")


def format_count(number: float) -> str:
    return f"{number:,.0f}"


def format_amount(number: float) -> str:
    """Write a large number with three significant digits: `4.88 M`."""
    for size, unit in ((1, ""), (1e3, f"{THIN}k"), (1e6, f"{THIN}M")):
        if number / size < 999.5:  # what would be rounded to a thousand takes the next unit
            return f"{number:.0f}" if size == 1 else f"{number / size:.3g}{unit}"
    return f"{number / 1e9:.3g}{THIN}B" if number < 999.5e9 else f"{number / 1e9:,.0f}{THIN}B"


def format_bytes(number: float) -> str:
    """Write a size with decimal units, as file managers do: `2.4 GB`."""
    if number < 999.5:
        return f"{number:.0f}{THIN}B"
    for size, unit in ((1e3, "kB"), (1e6, "MB")):
        if number / size < 999.95:
            return f"{number / size:.1f}{THIN}{unit}"
    return f"{number / 1e9:.1f}{THIN}GB"


def format_seconds(seconds: float) -> str:
    """Write a duration in two units at most: `9.1 s`, `2 min 34 s`, `1 h 07 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f}{THIN}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{THIN}min {rest:02d}{THIN}s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}{THIN}h {minutes:02d}{THIN}min"


def format_level(share: float) -> str:
    """Write a confidence level: `95 %`."""
    return format_percent(share, digits=0)


def format_fine_level(share: float) -> str:
    """Write a confidence level that may have a fraction of a percent: `98.5 %`."""
    return f"{100 * share:.4g}{THIN}%"


def format_rate(value: float) -> str:
    """Write a learning rate or another small setting as one would type it."""
    return f"{value:g}"


def require_number(value: Any) -> float:
    """Return a finite number; anything else is no number that the page could print."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"The report would print {value!r} in place of a value; an artefact it reads is incomplete.")
    return value


def _refuse_no_number(write: Callable[..., str]) -> Callable[..., str]:
    @wraps(write)
    def checked(value: Any, *args: Any) -> str:
        return write(require_number(value), *args)

    return checked


_NUMBERS = {
    "metric": format_metric,
    "difference": format_difference,
    "size": format_size,
    "p": format_p,
    "p_relation": format_p_relation,
    "decimal": format_decimal,
    "percent": format_percent,
    "level": format_level,
    "fine_level": format_fine_level,
    "count": format_count,
    "amount": format_amount,
    "bytes": format_bytes,
    "seconds": format_seconds,
    "rate": format_rate,
}
_BY_METRIC = ("metric", "difference", "size")


def format_styled(value: Any, style: str, row: dict) -> str:
    """Write a row's value by the name of a filter, of which some need the row's metric."""
    return FILTERS[style](value, row["metric"]) if style in _BY_METRIC else FILTERS[style](value)


FILTERS = {name: _refuse_no_number(write) for name, write in _NUMBERS.items()}
FILTERS |= {"interval": format_interval, "styled": format_styled}
