"""What is refused before anything is computed: numbers that are not finite, shapes that do not fit, inverse temperatures that are none."""

import math

from torch import Tensor

from memlab.errors import DataError, UsageError
from memlab.memory.rows import Rows

_LARGEST = 1e30  # a squared norm, so that float32 holds every product of two vectors


def check_beta(beta: float) -> None:
    """Raises UsageError where an inverse temperature is not a positive number."""
    if not (beta > 0 and math.isfinite(beta)):
        raise UsageError(f"beta is {beta:g}; it must be positive and finite")


def check_patterns(patterns: Rows) -> None:
    """Raises DataError where patterns are no matrix (P, C), or an empty one."""
    if patterns.ndim != 2 or 0 in patterns.shape:
        raise DataError(f"patterns have the shape {tuple(patterns.shape)}; at least one row and one column are needed")


def check_states(state: Tensor, patterns: Rows) -> None:
    """Raises DataError where states (B, C) are not finite or of another width than the patterns (P, C)."""
    check_patterns(patterns)
    if state.ndim != 2 or state.shape[1] != patterns.shape[1]:
        raise DataError(
            f"states have the shape {tuple(state.shape)}; they must be rows of {patterns.shape[1]} numbers, as the patterns are"
        )
    _check_norms("state", state.double().square().sum(1), 0)


def check_norms(squared_norms: Tensor, start: int = 0) -> None:
    """Raises DataError naming the first pattern, counted from `start`, whose squared norm is not a number or beyond 1e30."""
    _check_norms("pattern", squared_norms, start)


def _check_norms(what: str, squared_norms: Tensor, start: int) -> None:
    bad = ~(squared_norms < _LARGEST)
    if bad.any():
        row = start + int(bad.nonzero()[0])
        raise DataError(f"{what} {row} is not finite, or longer than 1e15; the model that it comes from has diverged")
