"""Approximate nearest neighbours through faiss, for more vectors than the exact search is fast for; what is missed is measured.

The vectors are divided into lists around centres; a vector looks for its nearest other in the lists nearest to it only. Distances to what
is found are exact, so that a miss can only make one too large.
"""

import importlib.util
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from memlab.errors import DataError, UsageError
from memlab.memory.checks import check_patterns
from memlab.memory.radius import Distances, nearest_other
from memlab.memory.rows import Rows, take

_PROBED = 1 / 8  # of the lists: a recall of 92 % on 20,000 states of width 128, of 73 % on Gaussian vectors of their covariance
_FEWEST_PROBED = 16
N_CHECKED = 256  # vectors whose nearest other is searched exactly too
_PER_LIST = 64  # vectors of a list at least, on average: faiss asks for 39 to train a centre
_TILE = 4096
_SAME = 1e-9  # of a distance: what is found is as near as the nearest


@dataclass(frozen=True)
class Approximation:
    """Distances found in `n_probed` of `n_lists` lists; `recall` is the share of `n_checked` vectors whose nearest other was found."""

    distances: Distances
    n_lists: int
    n_probed: int
    recall: float
    n_checked: int


def nearest_distances(patterns: Rows, share: float = 1.0, seed: int = 0, n_probed: int | None = None) -> Approximation:
    """As `radius.nearest_distances` of one share, approximately: the same vectors for the same seed.

    patterns (P, C), of which the share is held in memory as float32. `n_probed` lists are looked through, an eighth by default.
    Raises UsageError where faiss is not installed, DataError where the share holds fewer than two patterns.
    """
    faiss = _faiss()
    check_patterns(patterns)
    n = round(share * len(patterns))
    if not 2 <= n <= len(patterns):
        raise DataError(f"{share:g} of {len(patterns)} patterns are {n}; between two and all are needed")
    chosen = torch.from_numpy(np.sort(np.random.default_rng(seed).permutation(len(patterns))[:n]))
    rows = torch.cat([take(patterns, part).float().cpu() for part in chosen.split(_TILE)])
    centred = (rows - rows.mean(0)).numpy()
    n_lists = max(1, min(round(4 * math.sqrt(n)), n // _PER_LIST))
    n_probed = min(n_lists, n_probed or max(_FEWEST_PROBED, round(_PROBED * n_lists)))
    index = _index(faiss, centred, n_lists, n_probed, seed)
    squared = torch.cat([_nearest(index, centred, rows, start) for start in range(0, n, _TILE)])
    checked = torch.from_numpy(np.sort(np.random.default_rng(seed).choice(n, min(n, N_CHECKED), replace=False)))
    exact, _ = nearest_other(rows, checked)
    recall = float((squared[checked] <= exact * (1 + _SAME)).double().mean())
    found = Distances(share, rows.shape[1], np.sort(squared.sqrt().numpy()))
    return Approximation(found, n_lists, n_probed, recall, len(checked))


def is_installed() -> bool:
    """Whether faiss can be imported, without importing it."""
    return importlib.util.find_spec("faiss") is not None


def _index(faiss: Any, rows: np.ndarray, n_lists: int, n_probed: int, seed: int) -> Any:
    width = rows.shape[1]
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, n_lists, faiss.METRIC_L2)
    index.cp.seed = seed % 2**31
    index.train(rows)
    index.add(rows)
    index.nprobe = n_probed
    return index


def _nearest(index: Any, centred: np.ndarray, rows: torch.Tensor, start: int) -> torch.Tensor:
    """The exact squared distances of some rows to the nearest other one that the index finds; infinite where it finds none."""
    part = centred[start : start + _TILE]
    found = torch.from_numpy(index.search(part, 2)[1])  # (n, 2): -1 where a list holds nothing more
    own = torch.arange(start, start + len(part))[:, None]
    others = rows[found.clamp(min=0)].double()
    squared = (others - rows[start : start + len(part), None].double()).square().sum(2)
    return torch.where((found == own) | (found < 0), torch.inf, squared).amin(1)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise UsageError("approximate search needs faiss, which is not installed; pip install 'memlab[faiss]'") from None
    return faiss
