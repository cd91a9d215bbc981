"""One state against all patterns of a layer in one exact pass: every distance, and the energies and weights that follow from them."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from memlab.memory.checks import check_beta, check_states
from memlab.memory.energy import effective_patterns
from memlab.memory.exact import pairwise
from memlab.memory.rows import Rows, blocks


@dataclass(frozen=True)
class Reading:
    """`squared_distances` (P,) of one state to each of P patterns, and the `squared_norms` (P,) of these, float64."""

    squared_distances: Tensor
    squared_norms: Tensor

    @property
    def nearest(self) -> float:
        """g(x) = min_i ‖x - ρ_i‖². Source: Niu et al. 2024, equation 3."""
        return float(self.squared_distances.amin())

    def energy(self, beta: float) -> float:
        """E_β(x) = -1/β · ln Σ_i exp(-β ‖x - ρ_i‖²). Source: Niu et al. 2024, equation 4."""
        check_beta(beta)
        return self.nearest - float(torch.logsumexp(-beta * (self.squared_distances - self.nearest), 0)) / beta

    def scaled_energy(self, beta: float, scale: float) -> float:
        """E_β where squared distances are counted in units of `scale`, without unit: of layers whose distances differ it compares."""
        return self.energy(beta / scale) / scale

    def mchn_energy(self, beta: float) -> float:
        """The energy of the modern continuous Hopfield network, as `memory.energy.mchn_energy`, of which this is the blockwise form.

        βρᵀx - ½β‖x‖² = ½β(‖ρ‖² - ‖x - ρ‖²), so that distances and norms are all it needs. Source: Ramsauer et al. 2020, equation 2.
        """
        check_beta(beta)
        exponents = beta / 2 * (self.squared_norms - self.squared_distances)
        rest = math.log(len(exponents)) / beta + float(self.squared_norms.amax()) / 2
        return rest - float(torch.logsumexp(exponents, 0)) / beta

    def weights(self, beta: float) -> Tensor:
        """The association weights p_i = softmax(-β ‖x - ρ_i‖²): (P,), with the sum 1."""
        check_beta(beta)
        return torch.softmax(-beta * (self.squared_distances - self.nearest), 0)

    def effective_patterns(self, beta: float) -> float:
        """exp of the entropy of the weights: the number of patterns in play."""
        return float(effective_patterns(self.weights(beta)[None]))

    def votes(self, beta: float, next_tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Which token comes next, as the patterns vote for it: each adds its weight to the token (P,) that followed it in the text.

        The tokens (n,) with any weight, and their shares (n,), the heaviest first; of equal ones the smaller number first.
        """
        tokens, place = next_tokens.unique(return_inverse=True)
        shares = torch.zeros(len(tokens), dtype=torch.float64).index_add_(0, place, self.weights(beta))
        order = shares.argsort(descending=True, stable=True)
        order = order[shares[order] > 0]
        return tokens[order], shares[order]

    def nearest_rows(self, k: int) -> tuple[Tensor, Tensor]:
        """Row numbers and squared distances of the k nearest patterns; of equally near ones the first come first."""
        squared, rows = self.squared_distances.sort(stable=True)
        return rows[:k], squared[:k]


def read(state: Tensor, patterns: Rows) -> Reading:
    """A state (C,) against patterns (P, C), a tensor or a memory map, from differences in float64: 24 bytes are held for each pattern.

    Raises DataError for a state that is not finite or of another width than the patterns.
    """
    check_states(state[None], patterns)
    state = state.double()
    squared, norms = [], []
    for _, block in blocks(patterns, torch.zeros_like(state)):
        squared.append(pairwise(state[None], block)[0])
        norms.append(block.square().sum(1))
    return Reading(torch.cat(squared), torch.cat(norms))
