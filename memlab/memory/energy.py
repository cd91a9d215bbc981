"""The energies of the associative memory for a handful of states and patterns held at once; `search` has them for whole stores.

Distances come from differences in float64, so that no digits are lost where vectors are long and close together.
Every function makes a (B, P) matrix at most; results are float64. Raises UsageError for a beta that is not positive, DataError
for states or patterns that are not finite or do not fit together.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from memlab.errors import DataError
from memlab.memory.checks import check_beta, check_norms, check_states
from memlab.memory.exact import pairwise
from memlab.memory.rows import block_rows


class Bounds(NamedTuple):
    """What a proposition says a quantity lies between."""

    lower: Tensor
    upper: Tensor


class GlobalEnergy(NamedTuple):
    """`energy` (B,) over all layers, `layer` (B,) the number of the one that attains the minimum."""

    energy: Tensor
    layer: Tensor


def squared_distances(state: Tensor, patterns: Tensor) -> Tensor:
    """d(x, ρ_i) = ‖x - ρ_i‖²: state (B, C), patterns (P, C) -> (B, P), in squared units of the state. Exactly 0 between equal vectors.

    Source: Niu et al. 2024, section 4.
    """
    check_states(state, patterns)
    n = block_rows(state.shape[1], len(state))
    state = state.double()
    distances = torch.cat([pairwise(state, part.to(state)) for part in patterns.split(n)], 1)
    if len(state):
        check_norms(distances[0])
    return distances


def nearest_squared_distance(state: Tensor, patterns: Tensor) -> Tensor:
    """g(x) = min_i ‖x - ρ_i‖²: state (B, C), patterns (P, C) -> (B,). Source: Niu et al. 2024, equation 3."""
    return squared_distances(state, patterns).amin(1)


def layer_energy(state: Tensor, patterns: Tensor, beta: float = 1.0) -> Tensor:
    """Soft minimum of the squared distances from each state to the stored patterns.

        E(x) = -1/β · ln Σ_i exp(-β ‖x - ρ_i‖²)

    Lies between g - ln(P)/β and g, where g is the nearest squared distance.
    state (B, C), patterns (P, C) -> (B,), in squared units of the state.
    Source: Niu et al. 2024, equation 4 (β = 1), proposition 1.
    """
    check_beta(beta)
    distances = squared_distances(state, patterns)
    nearest = distances.amin(1, keepdim=True)  # taken off before β multiplies, so that no digits are lost at a large β
    return nearest[:, 0] - torch.logsumexp(-beta * (distances - nearest), 1) / beta


def scaled_energy(state: Tensor, patterns: Tensor, scale: float, beta: float = 1.0) -> Tensor:
    """The layer energy with squared distances in units of `scale`: -1/β · ln Σ_i exp(-β ‖x - ρ_i‖² / scale), without unit.

    With the layer's median nearest squared distance between different patterns as the scale, energies of different layers compare.
    """
    if not (scale > 0 and math.isfinite(scale)):
        raise DataError(f"the scale of a layer is {scale:g}; it must be positive: are all its patterns equal?")
    check_beta(beta)
    return layer_energy(state, patterns, beta / scale) / scale


def association_weights(state: Tensor, patterns: Tensor, beta: float = 1.0) -> Tensor:
    """How much each pattern takes part: p_i = exp(-β ‖x - ρ_i‖²) / Σ_j exp(-β ‖x - ρ_j‖²).

    state (B, C), patterns (P, C) -> (B, P); each row sums to 1.
    """
    check_beta(beta)
    distances = squared_distances(state, patterns)
    return torch.softmax(-beta * (distances - distances.amin(1, keepdim=True)), 1)


def effective_patterns(weights: Tensor) -> Tensor:
    """The number of patterns in play: exp(-Σ_i p_i ln p_i). 1 where one pattern has all the weight, P where all have the same.

    weights (B, P), rows that sum to 1 -> (B,).
    """
    return torch.exp(torch.special.entr(weights).sum(1))


def energy_gradient(state: Tensor, patterns: Tensor, beta: float = 1.0) -> Tensor:
    """∇E_β(x) = 2 (x - Σ_i p_i ρ_i) with the association weights p: state (B, C), patterns (P, C) -> (B, C), in units of the state."""
    return 2 * (state.double() - weighted_patterns(association_weights(state, patterns, beta), patterns))


def mchn_energy(state: Tensor, patterns: Tensor, beta: float = 2.0) -> Tensor:
    """The energy of the modern continuous Hopfield network.

        E_MCHN(x) = -1/β · ln Σ_i exp(β ρ_iᵀx) + ½ ‖x‖² + ln(P)/β + ½ max_i ‖ρ_i‖²

    state (B, C), patterns (P, C) -> (B,), in squared units of the state. Its fixed points are those of the layer energy at β/2 only
    where all patterns have the same norm. Source: Ramsauer et al. 2020 (arXiv 2008.02217), equation 2; Niu et al. 2024, proposition 2.
    """
    check_beta(beta)
    half_distances = squared_distances(state, patterns) / 2
    # ρᵀx - ½‖x‖² = ½‖ρ‖² - ½‖x - ρ‖² keeps its digits where all vectors are long.
    exponents = beta * (squared_norms(patterns) / 2 - half_distances)
    return -torch.logsumexp(exponents, 1) / beta + math.log(len(patterns)) / beta + squared_norms(patterns).amax() / 2


def squared_norms(vectors: Tensor) -> Tensor:
    """‖ρ_i‖² in float64: (P, C) -> (P,)."""
    n = block_rows(vectors.shape[1])
    return torch.cat([part.double().square().sum(1) for part in vectors.split(n)])


def global_energy(energies: Tensor) -> GlobalEnergy:
    """One energy over all layers: E_global = -ln Σ_t exp(-E_t).

    Lies between min E_t - ln l and min E_t. energies (l, B), one row a layer: raw ones in squared units of the state (layers whose
    distances are small decide), or `scaled_energy`. Source: Niu et al. 2024, equations 7 and 8.
    """
    return GlobalEnergy(-torch.logsumexp(-energies, 0), energies.argmin(0))


def proposition_1(nearest: Tensor, n_patterns: int, beta: float = 1.0) -> Bounds:
    """What E_β lies between, given g: g - ln(P)/β ≤ E_β ≤ g. nearest (B,) -> (B,), (B,). Source: Niu et al. 2024, proposition 1 (holds)."""
    check_beta(beta)
    return Bounds(nearest - math.log(n_patterns) / beta, nearest)


def norm_spread(patterns: Tensor) -> Tensor:
    """Δ = max ‖ρ‖² - min ‖ρ‖²: (P, C) -> scalar. 0 where all patterns lie on a sphere."""
    norms = squared_norms(patterns)
    return norms.amax() - norms.amin()


def proposition_2(patterns: Tensor, as_stated: bool = False) -> Bounds:
    """What 2·E_MCHN(2β) - ln(P)/β - E_β lies between: 0 and Δ.

    As stated it is -Δ and Δ (for β = 1), which is true but not sharp. Source: Niu et al. 2024, proposition 2.
    """
    spread = norm_spread(patterns)
    return Bounds(-spread if as_stated else torch.zeros_like(spread), spread)


def proposition_3(patterns: Tensor, beta: float = 1.0, as_stated: bool = False) -> Bounds:
    """What g - 2·E_MCHN(2β) lies between: -Δ - ln(P)/β and 0.

    As stated it is -Δ and Δ + ln P (for β = 1), whose lower bound fails in about half of random trials: a sign error.
    Source: Niu et al. 2024, proposition 3.
    """
    check_beta(beta)
    spread, rest = norm_spread(patterns), math.log(len(patterns)) / beta
    return Bounds(-spread, spread + rest) if as_stated else Bounds(-spread - rest, torch.zeros_like(spread))


def weighted_patterns(weights: Tensor, patterns: Tensor) -> Tensor:
    """Σ_i p_i ρ_i: weights (B, P), patterns (P, C) -> (B, C), float64."""
    n = block_rows(patterns.shape[1], len(weights))
    return sum(part @ rows.double() for part, rows in zip(weights.double().split(n, 1), patterns.split(n), strict=True))
