"""Measured figures in words: shares, bits and areas with their intervals, and the figures of runs side by side."""

from collections.abc import Mapping
from typing import Any

from memlab.render.scale import count, decimal, percent

_SHARES = ("fraction", "training tokens, p > 0.9", "held-out tokens, p > 0.9")


def estimate_words(estimate: Mapping[str, Any], unit: str) -> str:
    """The value, and the ends of its 95 % interval."""
    value, low, high = (estimate[key] for key in ("value", "low", "high"))
    if unit == "share":
        return f"{value:z.1%} ({low:z.1%} to {high:z.1%})"  # z: no -0.0%
    if unit == "bits":
        return f"{bits_words(value)} bits ({bits_words(low)} to {bits_words(high)})"
    after = "" if unit == "AUC" else f" {unit}"
    return f"{value:z.2f}{after} ({low:z.2f} to {high:z.2f})"


def bits_words(bits: float) -> str:
    """A number of bits, rounded to what matters."""
    size = abs(bits)
    return f"{bits:.2f}" if 0.1 <= size < 100 or bits == 0 else f"{bits:,.0f}" if size >= 100 else decimal(bits, 2)


def compared_words(name: str, value: Any) -> str:
    """A figure of a comparison of runs by its name; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return estimate_words(value, value["unit"])
    if name in _SHARES:
        return percent(value)
    if name == "N/D²":
        return f"{value:.2e}"
    return count(value) if isinstance(value, int) else decimal(value) if isinstance(value, float) else str(value)
