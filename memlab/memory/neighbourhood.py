"""The patterns around each of some moving states, held as long as no other can matter, and one evaluation of the memory at the states."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from memlab.memory.exact import pairwise
from memlab.memory.rows import Rows, blocks, middle, take
from memlab.memory.scan import NEGLIGIBLE, leave_out
from memlab.memory.search import Neighbours, search

_HELD = 32  # patterns held by each state
_NUMBERS = 1 << 22  # float64 numbers held in all: 32 MB
_UNIT = 2.0**-24  # the rounding error of float32
_ROUGH = 1e-4  # relative error of a weight from which on the rest is summed in float64


class Evaluation(NamedTuple):
    """At B states: Σ_i p_i ρ_i (B, C); E_β, effective patterns, the nearest pattern's number and its squared distance (B,)."""

    retrieved: Tensor
    energy: Tensor
    effective_patterns: Tensor
    nearest: Tensor
    squared_distance: Tensor


class Neighbourhood:
    """For each of `n` states the nearest K patterns at the place where they were last searched.

    All other patterns are farther from that place than the Kth. While a state is within s of it they are farther from the state than
    √d_K - s, and where β ((√d_K - s)² - d₁) is beyond ln P + 20 all of them together weigh less than e^-20 of the nearest one.
    """

    def __init__(self, n: int, patterns: Rows, beta: float, device: torch.device) -> None:
        self.patterns, self.beta = patterns, beta
        self.held = min(_HELD, len(patterns))
        self._window = (math.log(len(patterns)) + NEGLIGIBLE) / beta
        self._place = torch.zeros(n, patterns.shape[1], dtype=torch.float64, device=device)
        self._rows = torch.zeros(n, self.held, patterns.shape[1], dtype=torch.float64, device=device)
        self._columns = torch.zeros(n, self.held, dtype=torch.int64, device=device)
        self._reach = torch.full((n,), -math.inf, dtype=torch.float64, device=device)  # √d_K

    @staticmethod
    def tile(patterns: Rows) -> int:
        """How many states at a time keep the memory of their neighbourhoods flat."""
        return max(1, _NUMBERS // (min(_HELD, len(patterns)) * patterns.shape[1]))

    def evaluate(self, state: Tensor, which: Tensor | None = None) -> Evaluation:
        """The memory at states (B, C) float64, those numbered `which` (all by default). Searches only where others might matter."""
        which = torch.arange(len(state), device=state.device) if which is None else which
        squared = self._squared(state, which)
        lost = (~self._alone(state, which, squared)).nonzero()[:, 0]
        found = self._search(state[lost], which[lost]) if len(lost) else None
        squared[lost] = self._squared(state[lost], which[lost])
        lowest, place = squared.min(1)
        scaled = -self.beta * (squared - lowest[:, None])
        log_above, weights = torch.logsumexp(scaled, 1), torch.softmax(scaled, 1)
        effective = torch.exp(torch.special.entr(weights).sum(1))
        retrieved = torch.bmm(weights[:, None], self._rows[which])[:, 0]
        crowd = (~self._alone(state[lost], which[lost], squared[lost])).nonzero()[:, 0]
        if found is not None and len(crowd):
            among, total = lost[crowd], found.log_above[crowd, 0]
            share = torch.exp(log_above[among] - total)[:, None]
            rest = self._rest(state[among], which[among], lowest[among], total, (1 - share).clamp(min=0))
            retrieved[among] = retrieved[among] * share + rest
            log_above[among], effective[among] = total, found.effective_patterns[crowd, 0]
        nearest = self._columns[which].gather(1, place[:, None])[:, 0]
        return Evaluation(retrieved, lowest - log_above / self.beta, effective, nearest, lowest)

    def _squared(self, state: Tensor, which: Tensor) -> Tensor:
        return (self._rows[which] - state[:, None]).square_().sum(2)

    def _alone(self, state: Tensor, which: Tensor, squared: Tensor) -> Tensor:
        """Whether the patterns held, at these squared distances (B, K), are all that matter."""
        moved = torch.linalg.vector_norm(state - self._place[which], dim=1)
        return (self._reach[which] - moved).clamp(min=0).square() - squared.amin(1) >= self._window

    def _search(self, state: Tensor, which: Tensor) -> Neighbours:
        found = search(state, self.patterns, self.held, [self.beta])
        self._place[which], self._columns[which] = state, found.indices
        self._rows[which] = take(self.patterns, found.indices)
        self._reach[which] = math.inf if self.held == len(self.patterns) else found.squared_distances[:, -1].sqrt()
        return found

    def _rest(self, state: Tensor, which: Tensor, nearest: Tensor, log_above: Tensor, share: Tensor) -> Tensor:
        """Σ p_i ρ_i over the patterns that are not held, which have this share (B, 1) of the weight: a second pass over the store.

        In float32 on centred vectors where its rounding is a small part of 1/β, else in float64 from the differences.
        """
        centre = middle(self.patterns, state.device)
        centred = (state - centre).float()
        squared_norm = centred.double().square().sum(1)
        rough = self.beta * _UNIT * float(squared_norm.amax()) > _ROUGH
        centre = torch.zeros_like(state[0]) if rough else centre
        total, retrieved = state.new_zeros(len(state), 1), torch.zeros_like(state)
        for start, block in blocks(self.patterns, centre, len(state)):
            if rough:
                above = pairwise(state, block).sub_(nearest[:, None])
            else:
                norms = torch.linalg.vector_norm(block, dim=1).square_()
                above = torch.addmm(norms, centred, block.T, alpha=-2).sub_((nearest - squared_norm).float()[:, None])
            weights = above.mul_(-self.beta).sub_(log_above.to(above.dtype)[:, None]).exp_()
            leave_out(weights, self._columns[which], start, 0.0)
            total += weights.sum(1, keepdim=True)
            retrieved += weights @ block
        # Normalised by its own sum, so that an error common to all weights falls out.
        return share * torch.where(total > 0, retrieved / total + centre, 0.0)
