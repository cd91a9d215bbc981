"""What the stored patterns say of one text: how near it lies to them, layer by layer, what they vote for, and where retrieval takes it.

Needs torch: see `lab.serving`.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from memlab.errors import UsageError
from memlab.lab.attractor import Card, card_of, follow
from memlab.lab.controls import Control
from memlab.lab.questions import LAST_BLOCK, Asked, Question, Seen, asked, betas_of, find_layer, parse_beta, see
from memlab.lab.remembering import Context, RunMemory, store_rows
from memlab.progress import Progress, quiet

if TYPE_CHECKING:
    import numpy as np

    from memlab.measures.reading import Reading

Lies = Literal["stored", "nearer", "training", "either", "between", "held-out", "farther", ""]

_LIKELY = 4  # next tokens that are named, of the model and of the patterns
_SAME = 1e-5  # of a state's length: states that are closer are one, computed in another batch


@dataclass(frozen=True)
class LayerReading:
    """One state against the patterns of its layer, at inverse temperature `beta`.

    `squared_distance` is g, to the nearest pattern; `energy` E_β; `mchn_energy` that of the modern Hopfield network at 2β, of which twice,
    less ln(P)/β, lies between E_β and E_β + Δ (proposition 2). `scale` is the median nearest squared distance between different
    patterns; in units of it are `scaled_distance` and `scaled_energy` (at β itself, and at β·scale where β was chosen by perplexity), None
    where all patterns are equal. `training` and `held_out` are squared distances of control queries at the quantiles `controls.AT`,
    None where there are none. `lies` says among which of them g is.
    """

    layer: str
    words: str
    beta: float
    squared_distance: float
    energy: float
    mchn_energy: float
    effective_patterns: float
    scale: float
    scaled_distance: float | None
    scaled_energy: float | None
    training: list[float] | None
    held_out: list[float] | None
    lies: Lies


@dataclass(frozen=True)
class Global:
    """E_global = -ln Σ_t exp(-E_t) over some `layers`, and the `layer` that attains the minimum; None where it cannot be counted so."""

    energy: float
    layer: str
    layers: list[str]


@dataclass(frozen=True)
class Near:
    """A pattern near a state: what it is, its squared distance, and its weight at β."""

    pattern: Context
    squared_distance: float
    weight: float


@dataclass(frozen=True)
class Next:
    """A token that may come next: its share of the patterns' weights, the model's own probability, and whether it is the true one."""

    token: str
    patterns: float
    model: float
    is_true: bool


@dataclass(frozen=True)
class Map:
    """Layers × positions: g, E_β and effective patterns of every state of the passage, one row a layer.

    `scales`, of each layer the median nearest squared distance between different patterns, make rows comparable; 0 where all are equal.
    """

    layers: list[str]
    betas: list[float]
    scales: list[float]
    squared_distances: list[list[float]]
    energies: list[list[float]]
    effective_patterns: list[list[float]]


@dataclass(frozen=True)
class Inspection:
    """All that is found of one state of a passage.

    `beta` is what was asked for: 1, auto or a number. `readings` are of the state in every stored layer; `nearest` patterns and
    `next_tokens` of the state in the `layer` after `steps` steps of retrieval there, which `card` follows to its end. `next_tokens` are
    those that patterns or model hold most likely, and the true one where it is known. `n_controls` queries of each part are the control;
    `n_repeated` others were none, for their text stands in the training text elsewhere too. `left_out` places of the training text are not
    among the `n_patterns`. `seeds` are those that the stored `patterns` (where a sample is stored) and the control `queries` were drawn
    with. `notes` say what to keep in mind.
    """

    run: str
    step: int
    asked: Asked
    position: int
    layer: str
    beta: str
    steps: int
    n_patterns: int
    left_out: int
    n_controls: dict[str, int] | None
    n_repeated: dict[str, int] | None
    seeds: dict[str, int | None]
    readings: list[LayerReading]
    global_energy: Global
    scaled_global_energy: Global | None
    nearest: list[Near]
    next_tokens: list[Next]
    card: Card
    notes: list[str]


def inspect(
    memory: RunMemory,
    question: Question,
    layer: str = LAST_BLOCK,
    position: int = -1,
    beta: str = "1",
    k: int = 8,
    steps: int = 0,
    progress: Progress = quiet,
) -> Inspection:
    """Ask a run's memory with a text, at one position in one layer (-1 is the last block), with the readings of all stored layers there.

    beta is 1 (the paper's), auto (by layer, the one that gives held-out text 8 effective patterns at the median) or a number.
    Raises UsageError or UnknownName for a layer, position, β or passage that is not there, DataError for a text without tokens.
    """
    parse_beta(beta)
    return inspect_state(see(memory, question, progress), layer, position, beta, k, steps, progress)


def inspect_state(seen: Seen, layer: str, position: int, beta: str, k: int, steps: int = 0, progress: Progress = quiet) -> Inspection:
    """As `inspect`, of a passage that has been seen. More `steps` than there are mean the fixed point."""
    from memlab.measures.reading import read

    memory, passage = seen.memory, seen.passage
    layer, position = find_layer(memory, layer), passage.position(position)
    betas = betas_of(seen, beta)
    if k < 1:
        raise UsageError(f"k is {k}; at least one pattern is needed")
    if steps < 0:
        raise UsageError(f"steps are {steps}; 0 is the state as it is")
    found: dict[str, Reading] = {}
    for number, name in enumerate(memory.store.layers):
        progress("measuring distances", number, len(memory.store.layers), "layers")
        found[name] = read(seen.states[name][position], memory.patterns(name, passage))
    readings = [_layer_reading(seen, name, found[name], betas[name], beta == "auto") for name in memory.store.layers]
    way = follow(memory, passage, layer, seen.states[layer][position], betas[layer], progress)
    steps = min(steps, len(way.path) - 1)
    there = found[layer] if steps == 0 else read(way.path[steps], memory.patterns(layer, passage))
    whole, scaled = _globals(readings)
    return Inspection(
        run=memory.run.name,
        step=memory.step,
        asked=asked(seen),
        position=position,
        layer=layer,
        beta=beta,
        steps=steps,
        n_patterns=len(memory.store),
        left_out=memory.store.meta["left_out"],
        n_controls=seen.controls.n_queries if seen.controls else None,
        n_repeated=seen.controls.n_repeated if seen.controls else None,
        seeds={"patterns": memory.store.meta["positions"]["seed"], "queries": seen.controls.seed if seen.controls else None},
        readings=readings,
        global_energy=whole,
        scaled_global_energy=scaled,
        nearest=_nearest(seen, layer, there, betas[layer], k),
        next_tokens=_next_tokens(seen, layer, position, there, betas[layer]),
        card=card_of(memory, passage, layer, way, betas[layer], progress),
        notes=_notes(seen, layer, beta),
    )


def layer_map(seen: Seen, beta: str, progress: Progress = quiet) -> Map:
    """Distances and energies of a whole passage, in every stored layer."""
    from memlab.memory.search import search

    names, betas, rows = seen.memory.store.layers, betas_of(seen, beta), []
    for number, name in enumerate(names):
        progress("searching all positions", number, len(names), "layers")
        found = search(seen.states[name], seen.memory.patterns(name, seen.passage), 1, [betas[name]])
        rows.append([column[:, 0].tolist() for column in (found.squared_distances, found.energies, found.effective_patterns)])
    scales = [seen.memory.scale(name) ** 2 for name in names]
    return Map(names, [betas[name] for name in names], scales, *([row[place] for row in rows] for place in range(3)))


def lies_among(distance: float, control: Control) -> Lies:
    """Which queries are as near to the patterns as this: those of training text, of held-out text, either, or neither.

    By the middle nine tenths of each: outside of both it is nearer, farther, or between them.
    """
    ranges = [(control.distances[part][0], control.distances[part][-1]) for part in ("training", "validation")]
    inside = [low <= distance <= high for low, high in ranges]
    if any(inside):
        return "either" if all(inside) else "training" if inside[0] else "held-out"
    if distance < min(low for low, _ in ranges):
        return "nearer"
    return "farther" if distance > max(high for _, high in ranges) else "between"


def _layer_reading(seen: Seen, name: str, found: "Reading", beta: float, chosen: bool) -> LayerReading:
    from memlab.measures.hidden import describe_layer

    memory, scale = seen.memory, seen.memory.scale(name) ** 2
    control = seen.controls.layers[name] if seen.controls else None
    parts = [[distance**2 for distance in control.distances[part]] if control else None for part in ("training", "validation")]
    return LayerReading(
        layer=name,
        words=describe_layer(name, memory.layers),
        beta=beta,
        squared_distance=found.nearest,
        energy=found.energy(beta),
        mchn_energy=found.mchn_energy(2 * beta),
        effective_patterns=found.effective_patterns(beta),
        scale=scale,
        scaled_distance=found.nearest / scale if scale else None,
        scaled_energy=found.scaled_energy(beta * scale if chosen else beta, scale) if scale else None,
        training=parts[0],
        held_out=parts[1],
        lies=_lies(found.nearest, float(found.squared_norms.amax()), control),
    )


def _lies(squared_distance: float, squared_length: float, control: Control | None) -> Lies:
    if squared_distance <= _SAME**2 * squared_length:
        return "stored"
    return lies_among(math.sqrt(squared_distance), control) if control else ""


def _globals(readings: list[LayerReading]) -> tuple[Global, Global | None]:
    """Over the blocks, as the paper has it; what enters them and what is normalised again are no layers of their own."""
    blocks = [one for one in readings if one.layer not in ("0", "norm")] or readings
    scaled = [one.scaled_energy for one in blocks]
    whole = _global([one.energy for one in blocks], [one.layer for one in blocks])
    return whole, None if None in scaled else _global(scaled, [one.layer for one in blocks])


def _global(energies: list[float], layers: list[str]) -> Global:
    import torch

    from memlab.memory.energy import global_energy

    found = global_energy(torch.tensor(energies, dtype=torch.float64)[:, None])
    return Global(float(found.energy[0]), layers[int(found.layer[0])], layers)


def _nearest(seen: Seen, layer: str, found: "Reading", beta: float, k: int) -> list[Near]:
    rows, squared = found.nearest_rows(k)
    weights = found.weights(beta)[rows].tolist()
    stored = store_rows(seen.memory.patterns(layer, seen.passage), rows.tolist())
    return [Near(seen.memory.where(row), distance, weight) for row, distance, weight in zip(stored, squared.tolist(), weights, strict=True)]


def _next_tokens(seen: Seen, layer: str, position: int, found: "Reading", beta: float) -> list[Next]:
    """What patterns and model hold most likely, the likeliest of either first, and the true token."""
    import torch

    tokens, shares = found.votes(beta, torch.from_numpy(_followers(seen, layer)))
    voted = dict(zip(tokens.tolist(), shares.tolist(), strict=True))
    model = seen.log_probabilities[position].exp()
    true = [*seen.passage.ids.tolist(), seen.passage.after][position + 1]
    likely = model.topk(min(_LIKELY, len(model))).indices.tolist()
    kept = {token for token in (*list(voted)[:_LIKELY], *likely, true) if token >= 0}
    found_next = [Next(_decoded(seen, token), voted.get(token, 0.0), float(model[token]), token == true) for token in kept]
    return sorted(found_next, key=lambda one: (-max(one.patterns, one.model), one.token))


def _followers(seen: Seen, layer: str) -> "np.ndarray":
    """The token that followed each pattern that counts: (P,) int64."""
    import numpy as np

    from memlab.memory.rows import Subset

    tokens, patterns = seen.memory.store.origins["next_token"], seen.memory.patterns(layer, seen.passage)
    return np.array(tokens[patterns.indices] if isinstance(patterns, Subset) else tokens, np.int64)


def _decoded(seen: Seen, token: int) -> str:
    return seen.memory.tokenizer.decode([token], clean_up_tokenization_spaces=False)


def _notes(seen: Seen, layer: str, beta: str) -> list[str]:
    """What to keep in mind of this answer."""
    memory, notes = seen.memory, []
    left_out, n_patterns = memory.store.meta["left_out"], len(memory.store)
    if left_out:
        seed = memory.store.meta["positions"]["seed"]
        notes.append(
            f"the patterns are a sample, {n_patterns:,} of {n_patterns + left_out:,}, drawn with seed {seed}: a nearer one may exist"
        )
    if layer == "norm":
        notes.append("norm is after the final LayerNorm, where even an untrained model looks collapsed; compare with --checkpoint 0")
    if seen.controls is None:
        notes.append("there is no control: all held-out text stands in the training text too")
    elif beta == "auto" and (without := [name for name in memory.store.layers if seen.controls.layers[name].beta is None]):
        notes.append(f"no beta has 8 effective patterns in layer {', '.join(without)}: it is 1 there")
    notes.append("a state computed again in another batch differs by about 1e-6 of its length")
    return notes
