"""The bounds that the paper puts on energies, tried on states among patterns: how often each is broken, as stated and as it is correct."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from memlab.memory import energy

P1, P2, P2_SHARP = "proposition 1", "proposition 2 as stated", "proposition 2, sharper"
P3_STATED, P3, E8 = "proposition 3 as stated", "proposition 3 corrected", "equation 8"

_ROUNDING = 1e-9  # of the largest number that takes part


class Kept(NamedTuple):
    """A bound tried on `n` states: `broken` by so many, by `worst` at most, in squared units of the state; 0 where none breaks it."""

    n: int
    broken: int
    worst: float

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(self.n + other.n, self.broken + other.broken, max(self.worst, other.worst))


NOTHING = Kept(0, 0, 0.0)


def propositions(state: Tensor, patterns: Tensor) -> dict[str, Kept]:
    """Propositions 1 to 3 at β = 1, state (B, C) among patterns (P, C). Source: Niu et al. 2024, propositions 1 to 3."""
    nearest, layer = energy.nearest_squared_distance(state, patterns), energy.layer_energy(state, patterns)
    network, log_n = 2 * energy.mchn_energy(state, patterns), math.log(len(patterns))
    rounding = _ROUNDING * (1 + float(energy.squared_norms(patterns).amax()) + float(nearest.amax()))
    tried = {
        P1: (layer, energy.proposition_1(nearest, len(patterns))),
        P2: (network - log_n - layer, energy.proposition_2(patterns, as_stated=True)),
        P2_SHARP: (network - log_n - layer, energy.proposition_2(patterns)),
        P3_STATED: (nearest - network, energy.proposition_3(patterns, as_stated=True)),
        P3: (nearest - network, energy.proposition_3(patterns)),
    }
    return {name: _kept(value, bounds, rounding) for name, (value, bounds) in tried.items()}


def equation_8(energies: Tensor) -> Kept:
    """min E_t - ln l ≤ E_global < min E_t, energies (l, B) of l ≥ 2 layers. Source: Niu et al. 2024, equation 8."""
    least = energies.amin(0)
    bounds = energy.Bounds(least - math.log(len(energies)), least)
    return _kept(energy.global_energy(energies).energy, bounds, _ROUNDING * (1 + float(energies.abs().amax())))


def _kept(value: Tensor, bounds: energy.Bounds, rounding: float) -> Kept:
    off = torch.maximum(bounds.lower - value, value - bounds.upper) - rounding
    return Kept(len(value), int((off > 0).sum()), max(0.0, float(off.amax())))
