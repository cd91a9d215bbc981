"""Which rows a step reads: a pure function of (seed, step), so that resuming needs no saved state and no log.

An epoch is a seeded permutation of the rows that is computed, not stored: a Feistel network over the next even power of two,
walked until it lands inside (Black and Rogaway 2002, "Ciphers with arbitrary finite domains").
"""

from typing import Literal

import numpy as np

Order = Literal["epochs", "random"]

_ROUNDS = 6


def rows(seed: int, step: int, batch: int, n_rows: int, order: Order = "epochs") -> np.ndarray:
    """The rows of step `step` (from 0): (batch,) int64 in [0, n_rows).

    'epochs': every row once before any comes again. 'random': each drawn independently.
    A process of rank r of W takes `rows(...)[r::W]`.
    """
    positions = np.arange(step * batch, (step + 1) * batch, dtype=np.uint64)
    return _rows_at(seed, positions, n_rows, order)


def mix(values: np.ndarray, seed: int) -> np.ndarray:
    """A seeded hash of each uint64 to a uint64 (the finaliser of splitmix64, applied twice)."""
    with np.errstate(over="ignore"):
        x = values.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03) % 2**64)
        for _ in range(2):
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x = x ^ (x >> np.uint64(31))
    return x


def permute(index: np.ndarray, n: int, key: int) -> np.ndarray:
    """A keyed permutation of range(n), evaluated at `index` (any length, values below n) without building it: uint64."""
    half = np.uint64(max(1, (max(n - 1, 1).bit_length() + 1) // 2))
    out = _feistel(index.astype(np.uint64), half, key)
    while (outside := out >= n).any():
        out[outside] = _feistel(out[outside], half, key)
    return out


def _rows_at(seed: int, positions: np.ndarray, n_rows: int, order: Order) -> np.ndarray:
    if order == "random":
        return (mix(positions, seed) % np.uint64(n_rows)).astype(np.int64)
    out = np.empty(len(positions), np.int64)
    epochs = positions // np.uint64(n_rows)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        out[here] = permute(positions[here] % np.uint64(n_rows), n_rows, int(mix(np.array([epoch]), seed)[0]))
    return out


def _feistel(values: np.ndarray, half: np.uint64, key: int) -> np.ndarray:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & mask
    for number in range(_ROUNDS):
        left, right = right, left ^ (mix(right, key + number) & mask)
    return (left << half) | right
