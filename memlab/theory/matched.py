"""The least data for a size of model, as experiment E7 measures it, and the exponent of N over it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memlab.theory.student import student

SIGMA_SQUARED = 0.04  # below this mean square the training loss stays with the best validation loss. Source: Niu et al. 2024, E7
LATER = 1000  # iterations after the validation minimum that it is a mean over. Source: as above


@dataclass(frozen=True)
class Least:
    """D*: the smallest D that was seen to do. `is_bound`: of a smaller one it is not known, so that the true one may be smaller."""

    n_tokens: float
    is_bound: bool = False


@dataclass(frozen=True)
class Exponent:
    """The p of N ∝ D*^p: the mean over `n` fits, and its 95 % interval by Student's t; None with fewer than two."""

    value: float
    low: float | None
    high: float | None
    n: int


def mean_square(
    losses: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float]], later: int = LATER
) -> tuple[int, float | None]:
    """The step of the least validation loss, and the mean square of the training losses of the `later` iterations after it from that loss.

    losses and validation are (step, loss), where a loss that was not finite is left out; a training loss may be the mean over the steps
    since the last one. None where training did not go on for so long. Raises ValueError without a validation loss.
    Source: Niu et al. 2024, experiment E7.
    """
    least, best = min((loss, step) for step, loss in validation)
    after = [loss for step, loss in losses if best < step <= best + later]
    if not after or max(step for step, _ in losses) < best + later:
        return best, None
    return best, sum((loss - least) ** 2 for loss in after) / len(after)


def least_tokens(squares: Mapping[float, float | None]) -> Least | None:
    """D* from the mean square at each D: the smallest D below σ² = 0.04. None where no D was seen to be below: it is not reached.

    A bound where the mean square at a smaller D is not known (None), or no smaller D is among them.
    """
    unknown = bool(squares) and (squares[min(squares)] or 0.0) < SIGMA_SQUARED
    for n_tokens, square in sorted(squares.items()):
        if square is None:
            unknown = True
        elif square < SIGMA_SQUARED:
            return Least(n_tokens, unknown)
    return None


def exponent(pairs: Sequence[tuple[float, float]]) -> float | None:
    """The p of N ∝ D^p by least squares of ln N over ln D, from (N, D). None with fewer than two different D.

    Proposition 5 as stated means p = 2.
    """
    if len({n_tokens for _, n_tokens in pairs}) < 2:
        return None
    x, y = [math.log(n_tokens) for _, n_tokens in pairs], [math.log(n_params) for n_params, _ in pairs]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return slope / sum((a - mean_x) ** 2 for a in x)


def over_seeds(exponents: Sequence[float]) -> Exponent | None:
    """The mean of the exponents that independent seeds gave, with its interval: mean ± t · s / √n."""
    n = len(exponents)
    if not n:
        return None
    mean = sum(exponents) / n
    if n < 2:
        return Exponent(mean, None, None, n)
    spread = math.sqrt(sum((one - mean) ** 2 for one in exponents) / (n - 1))
    half = student(n - 1) * spread / math.sqrt(n)
    return Exponent(mean, mean - half, mean + half, n)
