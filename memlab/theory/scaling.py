"""Scaling laws to set beside the paper's N = O(D²): the loss of a model of N parameters on D tokens, and which size goes with which data.

N counts attention and feed-forward for the paper and for Kaplan, all parameters for Chinchilla (Pearce and Song 2024, arXiv 2406.12907:
most of their disagreement is due to that). D counts tokens, losses are in nats per token of text like that of each source (web text
in its own tokenizer): between texts and tokenizers only the shape of a curve carries over. Every size has its inverse. All raise UsageError
for what is not positive.
"""

import math
from typing import NamedTuple

from memlab.errors import UsageError
from memlab.theory import sizes

# Kaplan et al. 2020 (arXiv 2001.08361), equation 1.5 with table 2: the joint fit.
KAPLAN_ALPHA_N, KAPLAN_ALPHA_D = 0.076, 0.103
KAPLAN_N_C, KAPLAN_D_C = 6.4e13, 1.8e13
KAPLAN_EXCESS = 0.02  # their threshold of overfitting, section 4.2: this share of the loss above that on endless data

# Hoffmann et al. 2022 (arXiv 2203.15556), equation 10: the parametric fit.
CHINCHILLA_E, CHINCHILLA_A, CHINCHILLA_B = 1.69, 406.4, 410.7
CHINCHILLA_E_AS_QUOTED = 1.61  # by Niu et al. 2024; no size depends on it
CHINCHILLA_ALPHA, CHINCHILLA_BETA = 0.34, 0.28
CHINCHILLA_TOKENS_PER_PARAMETER = 20.0  # the rule of thumb that table 3 there comes to

_FLOP = 6.0  # per parameter and token of training: forward and backward


class Published(NamedTuple):
    """A model as the paper's table has it: parameters, tokens, loss."""

    name: str
    n_params: float
    n_tokens: float
    loss: float


# Source: Niu et al. 2024 (arXiv 2405.08707), losses of published models as reported there; the sizes are of all parameters.
PUBLISHED = (
    Published("Transformer", 1.5e9, 22e9, 2.5),
    Published("Chinchilla", 70e9, 1.4e12, 2.2),
    Published("PaLM 2", 16e9, 100e9, 2.4),
    Published("GPT-2", 8.7e9, 178e9, 2.3),
    Published("MiniCPM", 2.4e9, 140e9, 2.4),
    Published("Nanotron", 1.2e9, 105e9, 2.4),
)


def matched_params(n_tokens: float) -> float:
    """N = 8.63e-10 · D², the inverse of `sizes.matched_tokens`: as stated, with the mean ratio that the paper measured at 40 to 80 million.

    Source: Niu et al. 2024, proposition 5 and the table of E7.
    """
    _check(n_tokens=n_tokens)
    return n_tokens**2 / sizes.matched_tokens(1.0) ** 2


def kaplan_loss(n_params: float, n_tokens: float) -> float:
    """L(N, D) = [(N_c / N)^(α_N / α_D) + D_c / D]^α_D. Source: Kaplan et al. 2020, equation 1.5."""
    _check(n_params=n_params, n_tokens=n_tokens)
    return (_kaplan_size_term(n_params) + KAPLAN_D_C / n_tokens) ** KAPLAN_ALPHA_D


def kaplan_tokens(n_params: float) -> float:
    """The least D with which a model loses at most 2 % more than on endless data, from the joint fit: about 5.5e3 · N^0.74.

    Source: Kaplan et al. 2020, equations 4.3 and 4.4 (5e3 · N^0.74, rounded).
    """
    _check(n_params=n_params)
    return KAPLAN_D_C / (_kaplan_room() * _kaplan_size_term(n_params))


def kaplan_params(n_tokens: float) -> float:
    """The largest N that so many tokens suffice for, the inverse of `kaplan_tokens`."""
    _check(n_tokens=n_tokens)
    term = KAPLAN_D_C / (_kaplan_room() * n_tokens)
    return KAPLAN_N_C * term ** (-KAPLAN_ALPHA_D / KAPLAN_ALPHA_N)


def chinchilla_loss(n_params: float, n_tokens: float) -> float:
    """L(N, D) = E + A / N^α + B / D^β. Source: Hoffmann et al. 2022, equation 2 with the constants of equation 10."""
    _check(n_params=n_params, n_tokens=n_tokens)
    return CHINCHILLA_E + CHINCHILLA_A / n_params**CHINCHILLA_ALPHA + CHINCHILLA_B / n_tokens**CHINCHILLA_BETA


def chinchilla_params(n_tokens: float) -> float:
    """The N with the least loss for the compute 6·N·D that it and these tokens take: where α·A / N^α = β·B / D^β.

    From the parametric fit, which gives smaller models than the 20 tokens per parameter that the same authors are known for: 80 at 1.4e12.
    """
    _check(n_tokens=n_tokens)
    ratio = CHINCHILLA_ALPHA * CHINCHILLA_A / (CHINCHILLA_BETA * CHINCHILLA_B)
    return (ratio * n_tokens**CHINCHILLA_BETA) ** (1 / CHINCHILLA_ALPHA)


def chinchilla_tokens(n_params: float) -> float:
    """The inverse of `chinchilla_params`."""
    _check(n_params=n_params)
    ratio = CHINCHILLA_ALPHA * CHINCHILLA_A / (CHINCHILLA_BETA * CHINCHILLA_B)
    return (n_params**CHINCHILLA_ALPHA / ratio) ** (1 / CHINCHILLA_BETA)


def chinchilla_optimum(compute: float) -> tuple[float, float]:
    """(N, D) with the least loss for so much compute, C = 6·N·D in FLOP.

        N = G · (C/6)^(β/(α+β)),  D = (C/6)^(α/(α+β)) / G,  G = (α·A / (β·B))^(1/(α+β))

    Source: Hoffmann et al. 2022, equation 4.
    """
    _check(compute=compute)
    both = CHINCHILLA_ALPHA + CHINCHILLA_BETA
    g = (CHINCHILLA_ALPHA * CHINCHILLA_A / (CHINCHILLA_BETA * CHINCHILLA_B)) ** (1 / both)
    n_params = g * (compute / _FLOP) ** (CHINCHILLA_BETA / both)
    return n_params, compute / _FLOP / n_params


def compute_of(n_params: float, n_tokens: float) -> float:
    """FLOP of training: C = 6·N·D. Source: Kaplan et al. 2020, section 2.1."""
    return _FLOP * n_params * n_tokens


def _kaplan_size_term(n_params: float) -> float:
    return (KAPLAN_N_C / n_params) ** (KAPLAN_ALPHA_N / KAPLAN_ALPHA_D)


def _kaplan_room() -> float:
    """How large D_c / D may be, in units of the size term, at the threshold of overfitting."""
    return (1 + KAPLAN_EXCESS) ** (1 / KAPLAN_ALPHA_D) - 1


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        if not (value > 0 and math.isfinite(value)):
            raise UsageError(f"{name} is {value:g}; it must be positive and finite")
