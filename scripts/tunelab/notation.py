"""Write numbers for people: percent, units, thousands, durations. Every function here is a filter of the templates."""

from tunelab.metrics import METRICS

THIN = "\u202f"  # narrow no-break space between a number and its unit
MINUS = "−"


def format_metric(value: float, metric: str) -> str:
    """Write a value in its metric's style: `41.7 %`, `2.113`, `48.3`."""
    return format_percent(value) if METRICS[metric].style == "percent" else _round(value, metric)


def format_interval(row: dict) -> str:
    """Write the two ends of a row's interval without unit: `28.8–55.7`, or `37.5 … 45.8` for a range over seeds."""
    scale = 100 if METRICS[row["metric"]].style == "percent" else 1
    low, high = (_round(row[end] * scale, row["metric"]) for end in ("low", "high"))
    if row["interval"] == "seed-range":
        return f"{low}{THIN}…{THIN}{high}"
    return f"{low}–{high}" if row["low"] >= 0 else f"{low} to {high}"


def _round(value: float, metric: str) -> str:
    digits = 3 if METRICS[metric].style == "decimal" else 1
    return format_decimal(value, digits)


def format_decimal(value: float, digits: int = 2) -> str:
    return f"{value:,.{digits}f}".replace("-", MINUS)


def format_percent(share: float, digits: int = 1) -> str:
    return f"{share:.{digits}%}".replace("%", f"{THIN}%")


def format_count(number: float) -> str:
    return f"{number:,.0f}"


def format_amount(number: float) -> str:
    """Write a large number with three significant digits: `4.88 M`."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{THIN}{unit}"
    return f"{number:.0f}"


def format_bytes(number: float) -> str:
    """Write a size with decimal units, as file managers do: `2.4 GB`."""
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= size:
            return f"{number / size:.1f}{THIN}{unit}"
    return f"{number:.0f}{THIN}B"


def format_seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}{THIN}s"
    minutes, hours = round(seconds / 60), seconds / 3600
    if minutes < 60:
        whole, rest = divmod(round(seconds), 60)
        return f"{whole}{THIN}min {rest:02d}{THIN}s"
    return f"{int(hours)}{THIN}h {minutes % 60:02d}{THIN}min"


def format_level(share: float) -> str:
    """Write a confidence level: `95 %`."""
    return format_percent(share, digits=0)


FILTERS = {
    "metric": format_metric,
    "interval": format_interval,
    "decimal": format_decimal,
    "percent": format_percent,
    "level": format_level,
    "count": format_count,
    "amount": format_amount,
    "bytes": format_bytes,
    "seconds": format_seconds,
}
