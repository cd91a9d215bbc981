"""Sizes of models and data against each other: parameters of a transformer, tokens per parameter, N against D²."""

import math

# N/D² of the three model sizes of experiment E7, with D the smallest data at which validation loss no longer parts from training loss.
# Source: Niu et al. 2024 (arXiv 2405.08707), the table of E7 in units of 1e-10: N = 39.95 M, 60.26 M and 80.20 M.
MEASURED_RATIOS = {39.95e6: 8.71e-10, 60.26e6: 8.79e-10, 80.20e6: 8.38e-10}

# The largest D that was tried and did not do, and the smallest that did, of each of them: the true one lies between. Source: as above.
MEASURED_BETWEEN = {39.95e6: (190.38e6, 214.18e6), 60.26e6: (237.98e6, 261.78e6), 80.20e6: (285.57e6, 309.37e6)}


def transformer_params(n_layer: int, n_embd: int, n_inner: int | None = None) -> int:
    """The matrices of attention and feed-forward, which are N but for biases: a model that is built counts these too, 9·d more a block.

        N = l · (4·d² + 2·d·d_ff), which is 12·l·d² for d_ff = 4·d

    l blocks of width d: four d × d matrices of attention, two of the feed-forward part. Multi-head attention with as many key as query
    heads, feed-forward without a gate. Source: Kaplan et al. 2020 (arXiv 2001.08361), section 2.1; Niu et al. 2024 take d_ff = 3·d.
    """
    d_ff = 4 * n_embd if n_inner is None else n_inner
    return n_layer * (4 * n_embd**2 + 2 * n_embd * d_ff)


def tokens_per_parameter(n_tokens: float, n_params: float) -> float:
    """D/N. GPT-2 small on all of OpenWebText has about 106, Chinchilla's rule is 20."""
    return n_tokens / n_params


def n_over_d_squared(n_params: float, n_tokens: float) -> float:
    """N/D², which the paper holds to be constant at the best model size: 8.38 to 8.79 e-10 in its experiment E7.

    Source: Niu et al. 2024, proposition 5 (N = O(D²), as stated) and the table of E7.
    """
    return n_params / n_tokens**2


def matched_tokens(n_params: float) -> float:
    """The D at which N/D² is the mean that the paper measured: √(N / 8.63e-10).

    Measured between 40 and 80 million parameters; elsewhere it is the paper's law as stated, carried on.
    """
    mean = sum(MEASURED_RATIOS.values()) / len(MEASURED_RATIOS)
    return math.sqrt(n_params / mean)
