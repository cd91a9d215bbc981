"""The attractor card: where retrieval takes one state, and to which stored pattern that place belongs.

Needs torch: see `lab.serving`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memlab.lab.passages import Passage
from memlab.lab.remembering import Context, RunMemory, store_rows
from memlab.progress import Progress, quiet

if TYPE_CHECKING:
    from torch import Tensor

    from memlab.memory.retrieval import Descent
    from memlab.memory.rows import Rows

_NUMBERS = 10 << 20  # of patterns that are read between two reports of progress, or for one step where that is more
_DUST = 1e-9  # of the length of a state: fixed points that differ by less are one, where all patterns are equal


@dataclass(frozen=True)
class Card:
    """One state's way down the energy of a layer at inverse temperature `beta`.

    `energies` are E_β at the start and after each step, `moved` how far the state then is from the start, in units of the state.
    `fixed_distance` is from the fixed point to `pattern`, the nearest one; `effective_patterns` those in play there, a mixture from 1.5 on.
    `merge_temperature` is 2/d² of the pattern and its nearest `rival`, `rival_distance` d apart: at a β below it the two alone share one
    minimum; infinite for equal ones. `is_inside`: retrieval from the state and from the pattern end at one point.
    `scale` is the typical distance between neighbouring patterns of the layer; None, as the rival, where there is one pattern only.
    """

    layer: str
    layer_words: str
    beta: float
    energies: list[float]
    moved: list[float]
    n_steps: int
    has_converged: bool
    start_distance: float
    fixed_distance: float
    effective_patterns: float
    is_mixture: bool
    pattern: Context
    is_nearest_at_start: bool
    rival: Context | None
    rival_distance: float | None
    merge_temperature: float | None
    is_inside: bool
    scale: float

    @property
    def travelled(self) -> float:
        """How far the fixed point is from the start."""
        return self.moved[-1]


@dataclass(frozen=True, eq=False)
class Way:
    """A descent of one state: `path` (S + 1, C) float64, `energies` (S + 1,), and its last part as `retrieval.descend` returned it."""

    path: "Tensor"
    energies: list[float]
    end: "Descent"


def follow(memory: RunMemory, passage: Passage, layer: str, state: "Tensor", beta: float, progress: Progress = quiet) -> Way:
    """Retrieval from a state (C,) to its fixed point, a few steps at a time so that it can be followed and cancelled.

    A document's own patterns do not count. The store is read whole, block by block, wherever patterns far away could matter.
    """
    import torch

    from memlab.memory.retrieval import MOST_STEPS, descend

    patterns, scale = memory.patterns(layer, passage), memory.scale(layer)
    at_once = max(1, _NUMBERS // (len(patterns) * patterns.shape[1]))
    path, energies, done = [state.double()[None]], [], 0
    while True:
        progress("retrieving", done, None, "steps")
        found = descend(path[-1][-1:], patterns, beta, scale, max_steps=min(at_once, MOST_STEPS - done), keep_path=True)
        path.append(found.path[1:, 0])
        energies = [*energies[:-1], *found.energies[:, 0].tolist()]
        done += int(found.n_steps[0])
        if found.converged[0] or done >= MOST_STEPS:
            return Way(torch.cat(path), energies, found)


def card_of(memory: RunMemory, passage: Passage, layer: str, way: Way, beta: float, progress: Progress = quiet) -> Card:
    """The card of a descent from a state of a passage, in a layer; a document's own patterns do not count."""
    import torch

    from memlab.measures.hidden import describe_layer
    from memlab.memory.energy import squared_distances
    from memlab.memory.rows import take
    from memlab.memory.search import search

    patterns, scale = memory.patterns(layer, passage), memory.scale(layer)
    nearest, start = way.end.nearest, way.path[:1]
    own = squared_distances(start, take(patterns, nearest))
    return Card(
        layer=layer,
        layer_words=describe_layer(layer, memory.layers),
        beta=beta,
        energies=way.energies,
        moved=torch.linalg.vector_norm(way.path - way.path[0], dim=1).tolist(),
        n_steps=len(way.path) - 1,
        has_converged=bool(way.end.converged[0]),
        start_distance=float(own[0, 0].sqrt()),
        fixed_distance=float(way.end.squared_distance[0].sqrt()),
        effective_patterns=float(way.end.effective_patterns[0]),
        is_mixture=bool(way.end.is_mixture[0]),
        pattern=memory.where(store_rows(patterns, nearest.tolist())[0]),
        is_nearest_at_start=int(search(start, patterns, 1).indices[0, 0]) == int(nearest[0]),
        **_rival(memory, patterns, nearest),
        is_inside=_end_together(way, follow(memory, passage, layer, take(patterns, nearest)[0], beta, progress), scale),
        scale=scale,
    )


def _end_together(one: Way, other: Way, scale: float) -> bool:
    """Whether two descents end at one fixed point: both have converged, closer than 1e-3 of `scale`.

    Source: Niu et al. 2024, definition 1 (retrieved).
    """
    import torch

    from memlab.memory.retrieval import SAME

    length = torch.linalg.vector_norm(other.path[-1])
    apart = torch.linalg.vector_norm(one.path[-1] - other.path[-1])
    return bool(one.end.converged[0] and other.end.converged[0] and apart <= SAME * scale + _DUST * length)


def _rival(memory: RunMemory, patterns: "Rows", index: "Tensor") -> dict[str, Any]:
    from memlab.memory.basin import nearest_rival

    if len(patterns) < 2:
        return {"rival": None, "rival_distance": None, "merge_temperature": None}
    found = nearest_rival(patterns, index)
    return {
        "rival": memory.where(store_rows(patterns, found.index.tolist())[0]),
        "rival_distance": float(found.squared_distance[0].sqrt()),
        "merge_temperature": float(found.merge_temperature[0]),
    }
