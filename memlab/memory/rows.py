"""Rows of patterns piece by piece, from a tensor or from a memory map, so that no step copies the whole store."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

_BLOCK = 1 << 21  # elements of a block: 8 MB in float32
_MOST_ROWS = 1 << 14
_SAMPLE = 256


class Subset:
    """Some rows of a store in the order of `indices` (n,), read where they are asked for."""

    ndim = 2

    def __init__(self, patterns: "Tensor | np.ndarray", indices: np.ndarray) -> None:
        self.patterns, self.indices = patterns, indices
        self.shape = (len(indices), patterns.shape[1])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: "slice | np.ndarray | Tensor") -> "Tensor | np.ndarray":
        numbers = self.indices[key.cpu().numpy() if isinstance(key, Tensor) else key]
        return self.patterns[torch.from_numpy(numbers).to(self.patterns.device) if isinstance(self.patterns, Tensor) else numbers]


Rows = Tensor | np.ndarray | Subset  # (P, C), floating; an array may be a read-only memory map


def device_of(patterns: Rows) -> torch.device:
    """Where the patterns lie: a memory map on the host."""
    inner = patterns.patterns if isinstance(patterns, Subset) else patterns
    return inner.device if isinstance(inner, Tensor) else torch.device("cpu")


def block_rows(width: int, n_states: int = 1) -> int:
    """How many patterns a block holds, so that neither it nor its distances to so many states outgrow the cache by much."""
    return max(64, min(_MOST_ROWS, _BLOCK // width, _BLOCK // 2 // max(n_states, 1)))


def blocks(patterns: Rows, centre: Tensor, n_states: int = 1) -> Iterator[tuple[int, Tensor]]:
    """Each block of rows less the centre, with the number of its first row: (n, C) on the device and of the type of `centre`.

    The memory is reused: a block is valid until the next is asked for. Rounded once, to the type of `centre`.
    """
    n = block_rows(patterns.shape[1], n_states)
    buffer = torch.empty(min(n, len(patterns)), patterns.shape[1], dtype=centre.dtype, device=centre.device)
    for start in range(0, len(patterns), n):
        rows = patterns[start : start + n]
        out = buffer[: len(rows)]
        if isinstance(rows, np.ndarray) and centre.device.type == "cpu":
            np.subtract(rows, centre.numpy(), out=out.numpy(), casting="same_kind")
        else:
            torch.sub(_tensor(rows).to(centre.device), centre, out=out)
        yield start, out


def take(patterns: Rows, indices: Tensor) -> Tensor:
    """The rows at `indices` (any shape) in float64, exactly as stored: (…, C), where the indices are."""
    rows = patterns[indices.to(patterns.device)] if isinstance(patterns, Tensor) else patterns[indices.cpu().numpy()]
    return _tensor(rows).to(indices.device).double()


def evenly(n: int, at_most: int) -> Tensor:
    """At most so many row numbers out of range(n), evenly spread: int64, ascending."""
    return torch.arange(min(n, at_most)) * n // min(n, at_most)


def middle(patterns: Rows, device: torch.device) -> Tensor:
    """A centre to subtract before squares are taken: the median of up to 256 rows spread over the store, by column, (C,) float32.

    Any centre gives the same distances; one near the patterns loses the fewest digits. A mean would follow a few huge rows.
    """
    return take(patterns, evenly(len(patterns), _SAMPLE).to(device)).float().median(0).values


def _tensor(rows: Tensor | np.ndarray) -> Tensor:
    if isinstance(rows, Tensor):
        return rows
    return torch.from_numpy(rows if rows.flags.writeable else rows.copy())
