"""How many bits a model can hold against how many its data has, and what follows for memorisation."""

import math
from typing import Literal

Outlook = Literal["all", "part", "little"]

# Source: Morris et al. 2025 (arXiv 2505.24832), section 3: GPT-style models of 100 K to 20 M parameters trained on uniformly random tokens
# (V = 2,048, S = 64) for up to 1e6 steps of 2,048 rows. Capacities are of their rounded figure; those by precision stand beside what is
# measured in the same way (`memlab capacity`).
BITS_PER_PARAMETER = 3.6
BITS_PER_PARAMETER_OF = {"bf16": 3.51, "fp32": 3.83}

ALL = 1.0  # the least share of the data bits that a capacity must hold for all of the data to be memorised
PART = 0.1  # the same for a part that is worth the name
FEW_EPOCHS = 10.0  # a rule of thumb of this lab: text that is seen less often is mostly not learned by heart, whatever the capacity

_LN_2 = math.log(2)


def bits(nats: float) -> float:
    """The same information in bits: nats / ln 2."""
    return nats / _LN_2


def capacity_bits(n_params_total: float) -> float:
    """The most that a model of this size was seen to memorise, in bits.

        capacity = 3.6 · all parameters

    Every parameter counts, embeddings too. An upper figure: it was measured on data with nothing to generalise, after very many steps.
    It is one for all precisions, of which 3.51 bits were found for training in bf16 and 3.83 in fp32. Source: Morris et al. 2025 (arXiv
    2505.24832), section 3.
    """
    return BITS_PER_PARAMETER * n_params_total


def data_bits(entropy: float, n: float) -> float:
    """Bits of `n` independent items (tokens, lines), each of `entropy` nats: n · entropy / ln 2.

    Exact as an expectation where `entropy` is that of the very distribution that the items were drawn from; for `n` uniform tokens of a
    vocabulary V it is n · log2 V in every case.
    """
    return bits(n * entropy)


def share_held(data: float, capacity: float) -> float:
    """The largest share of `data` bits that `capacity` bits can hold: min(1, capacity / data). 1 where there is nothing to hold."""
    return min(1.0, capacity / data) if data > 0 else 1.0


def outlook(data: float, capacity: float) -> Outlook:
    """Whether a capacity holds all of the data, a part (at least a tenth), or little of it; both in bits.

    What is said is an upper bound: whether the budget of steps lets the model get there is another matter (`seen_often`).
    Where `data` is itself an upper bound (the code length under some compressor), 'all' is certain and the others are a lower bound.
    """
    share = share_held(data, capacity)
    return "all" if share >= ALL else "part" if share >= PART else "little"


def seen_often(epochs: float) -> bool:
    """Whether each row comes often enough for memorisation to be a matter of capacity: at least ten times, as a rule of thumb."""
    return epochs >= FEW_EPOCHS
