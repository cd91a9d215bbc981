"""The landscape around one state of a text: the energy on a slice through it, what is marked there, and the state's way down.

Needs torch: see `lab.serving`.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.errors import UnknownName, UsageError, did_you_mean
from memlab.lab.attractor import follow
from memlab.lab.controls import PERPLEXITY, controls
from memlab.lab.questions import LAST_BLOCK, Question, find_layer, parse_beta, passage_of
from memlab.lab.remembering import Context, RunMemory, kept_memory, store_rows
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.lab.passages import Passage
    from memlab.lab.stages import Kept
    from memlab.measures.slices import Slice

PLANES = {
    "nearest": "the state and its two nearest patterns",
    "pca": "the state, along the two principal axes of the patterns",
    "random": "the state, along two random directions",
}
_MOST_VALUES = 1 << 20  # of a grid


@dataclass(frozen=True)
class Wish:
    """Which state, at which inverse temperature (1, auto or a number), on which plane, and how many values across and up.

    `position` counts from 0, or from the end: -1 is the last. `zoom` 2 shows half as far as the nearest patterns reach.
    """

    layer: str = LAST_BLOCK
    position: int = -1
    beta: str = "1"
    plane: str = "nearest"
    seed: int = 0
    zoom: float = 1.0
    width: int = 96
    height: int = 64

    def __post_init__(self) -> None:
        parse_beta(self.beta)
        if self.plane not in PLANES:
            raise UnknownName(f"there is no plane '{self.plane}'{did_you_mean(self.plane, PLANES)}")
        if not (self.zoom > 0 and math.isfinite(self.zoom)):
            raise UsageError(f"the zoom is {self.zoom:g}; it must be positive: 2 shows half as far")
        if min(self.width, self.height) < 2 or self.width * self.height > _MOST_VALUES:
            raise UsageError(f"a grid of {self.width} x {self.height} values cannot be shown; take 2 x 2 to 1024 x 1024")


@dataclass(frozen=True)
class Pattern:
    """A pattern that is marked: its foot (u, v) on the plane, how far `off` it lies, and whether that is in the slice; its distance from
    the state, its association weight there, and how many of the patterns near by equal it (itself among them)."""

    u: float
    v: float
    off: float
    in_slice: bool
    row: int
    distance: float
    weight: float
    n_equal: int


@dataclass(frozen=True)
class Step:
    """A state on the way down, the first where it starts, and E_β there."""

    u: float
    v: float
    off: float
    in_slice: bool
    energy: float


@dataclass(frozen=True)
class FixedPoint:
    """Where `n_starts` of the descents ended, that of the state among them or not (`of_state`).

    `row` is the pattern nearest to it and `distance` how far that is; `at_pattern`: within the same distance as is said to be in the slice.
    """

    u: float
    v: float
    off: float
    in_slice: bool
    energy: float
    effective_patterns: float
    converged: bool
    row: int
    distance: float
    at_pattern: bool
    n_starts: int
    of_state: bool


@dataclass(frozen=True)
class Landscape:
    """E_β (H, W) at v (H,) and u (W,), in squared units of the state and in its units; the state, where the descent begins, is at (0, 0).

    A point lies in the slice where it is at most `within` off it: a tenth of `scale`, the typical distance between neighbouring patterns.
    All `n_patterns` enter the energies with their whole distance; `patterns` are those that are marked. `contexts` says where rows of the
    store come from. `energy` and `effective_patterns` are at the state. `spanned_by`: the rows that the plane was laid through.
    `share_of_variance` is None where all patterns are one. `is_complete`: descent and fixed points are known.
    """

    run: str
    step: int
    part: str
    label: str
    note: str
    tokens: list[str]
    position: int
    next_token: str
    layer: str
    layer_words: str
    layers: list[str]
    beta: float
    beta_asked: str
    plane: str
    seed: int
    zoom: float
    spanned_by: list[int]
    share_of_variance: float | None
    n_patterns: int
    n_in_slice: int
    left_out: int
    excluded: int
    scale: float
    within: float
    energy: float
    effective_patterns: float
    u: list[float]
    v: list[float]
    energies: list[list[float]]
    patterns: list[Pattern]
    contexts: dict[int, Context]
    descent: list[Step]
    fixed_points: list[FixedPoint]
    notes: list[str]
    is_complete: bool = False

    @property
    def n_starts(self) -> int:
        """How many descents the fixed points come from."""
        return sum(one.n_starts for one in self.fixed_points)


def landscape(memory: RunMemory, question: Question, wish: Wish, progress: Progress = quiet) -> Landscape:
    """The complete landscape. Raises UsageError, UnknownName or DataError for what is not there."""
    *_, complete = stages(memory, question, wish, progress)
    return complete


def stages(
    memory: RunMemory, question: Question, wish: Wish, progress: Progress = quiet, kept: "Kept | None" = None
) -> Iterator[Landscape]:
    """The landscape as it becomes known: its ground and patterns, then the state's descent, then fixed points; the last one is complete.

    `kept` remembers descents, which do not depend on zoom and size. `progress` may raise, to stop in the middle.
    """
    from memlab.measures import slices

    passage = passage_of(memory, question)
    layer, position = find_layer(memory, wish.layer), passage.position(wish.position)
    beta, notes = _beta(memory, layer, wish.beta, progress)
    progress("laying the slice", 0, None, "")
    state = memory.states(passage.ids)[layer][position]
    of = slices.cut(state, memory.patterns(layer, passage), memory.scale(layer), wish.plane, wish.seed)
    known = _known_descents(memory, passage, [layer, position, beta, wish.plane, wish.seed], kept)
    shown = _ground(memory, passage, of, replace(wish, layer=layer, position=position), beta, notes, known)
    if "fixed" not in known:
        if "descent" not in known:
            yield shown
            way = follow(memory, passage, layer, state, beta, progress)
            known.update(descent=slices.along(of, way.path, way.energies), end=way.path[-1])
        shown = _with_descents(memory, of, shown, known)
        yield shown
        known["fixed"] = slices.fixed_points(of, beta, known["end"], progress)
    yield replace(_with_descents(memory, of, shown, known), is_complete=True)


def asked_often(
    run: RunDir, home: Path, question: dict[str, Any], checkpoint: str, wish: dict[str, Any], kept: "Kept", progress: Progress
) -> Iterator[dict[str, Any]]:
    """`stages` as plain values, for a process that answers many requests; `steps_there` are the checkpoints that could be asked too.

    A position beyond the text is its last.
    """
    from memlab.lab.over_training import checkpoints_of

    memory = kept_memory(run, home, kept, checkpoint, progress)
    asked = Question(**question)
    n = len(passage_of(memory, asked).ids)
    wish = {**wish, "position": max(-n, min(wish["position"], n - 1))}
    for found in stages(memory, asked, Wish(**wish), progress, kept):
        yield {"landscape": asdict(found), "steps_there": checkpoints_of(run)}


def from_plain(table: dict[str, Any]) -> Landscape:
    """The landscape that `asdict` made this of, also by way of JSON."""
    kinds = {"patterns": Pattern, "descent": Step, "fixed_points": FixedPoint}
    parts = {name: [kind(**row) for row in table[name]] for name, kind in kinds.items()}
    contexts = {int(row): Context(**context) for row, context in table["contexts"].items()}
    return Landscape(**{**table, **parts, "contexts": contexts})


def _beta(memory: RunMemory, layer: str, words: str, progress: Progress) -> tuple[float, list[str]]:
    """β of a layer, and what to keep in mind of it."""
    value = parse_beta(words)
    if value is not None:
        return value, []
    chosen = controls(memory, progress).layers[layer].beta
    if chosen is None:
        return 1.0, [f"no beta gives held-out text {PERPLEXITY:g} effective patterns in this layer: it is 1"]
    return chosen, []


def _known_descents(memory: RunMemory, passage: "Passage", asked: list[Any], kept: "Kept | None") -> dict[str, Any]:
    """What is known of this state's descents; to be added to."""
    if kept is None:
        return {}
    depends_on = [str(memory.store.path), memory.store.meta, passage.ids.tolist(), passage.own_document, asked]
    return kept.get("descents", depends_on, dict, at_most=16)


def _ground(
    memory: RunMemory, passage: "Passage", of: "Slice", wish: Wish, beta: float, notes: list[str], known: dict[str, Any]
) -> Landscape:
    """Everything but descents, of a wish whose layer and position are names and numbers of what is there."""
    from memlab.measures import slices
    from memlab.measures.hidden import describe_layer

    u, v = of.axes(wish.width, wish.height, wish.zoom)
    energies = of.energies(u, v, beta)
    energy, effective = slices.at_state(of, beta)
    spots = slices.drawn_patterns(of, u, v, beta, energy)
    rows = store_rows(of.patterns, [spot.row for spot in spots])
    spanned_by = store_rows(of.patterns, of.plane.spanned_by)
    share = of.placed.share_of_variance
    return Landscape(
        run=memory.run.name,
        step=memory.step,
        part=passage.part,
        label=passage.label,
        note=passage.note,
        tokens=passage.tokens,
        position=wish.position,
        next_token=_next_token(memory, passage, wish.position),
        layer=wish.layer,
        layer_words=describe_layer(wish.layer, memory.layers),
        layers=memory.store.layers,
        beta=beta,
        beta_asked=wish.beta,
        plane=wish.plane,
        seed=wish.seed,
        zoom=wish.zoom,
        spanned_by=spanned_by,
        share_of_variance=None if math.isnan(share) else share,
        n_patterns=len(of.patterns),
        n_in_slice=of.n_in_slice,
        left_out=memory.store.meta["left_out"],
        excluded=len(memory.store) - len(of.patterns),
        scale=of.scale,
        within=of.within,
        energy=energy,
        effective_patterns=effective,
        u=u.tolist(),
        v=v.tolist(),
        energies=energies.tolist(),
        patterns=[Pattern(**{**asdict(spot), "row": row}) for spot, row in zip(spots, rows, strict=True)],
        contexts={row: memory.where(row) for row in dict.fromkeys([*rows, *spanned_by])},
        descent=[Step(0.0, 0.0, 0.0, True, energy)],
        fixed_points=[],
        notes=notes,
    )


def _with_descents(memory: RunMemory, of: "Slice", shown: Landscape, known: dict[str, Any]) -> Landscape:
    """With the state's way and the fixed points as far as they are known."""
    found = known.get("fixed", [])
    rows = store_rows(of.patterns, [spot.nearest for spot in found])
    plain = [{name: value for name, value in asdict(spot).items() if name != "nearest"} for spot in found]
    contexts = {row: shown.contexts.get(row) or memory.where(row) for row in dict.fromkeys([*shown.contexts, *rows])}
    return replace(
        shown,
        descent=[Step(**asdict(spot)) for spot in known["descent"]],
        fixed_points=[FixedPoint(**spot, row=row) for spot, row in zip(plain, rows, strict=True)],
        contexts=contexts,
    )


def _next_token(memory: RunMemory, passage: "Passage", position: int) -> str:
    """The true token after a position; empty where none is known."""
    if position + 1 < len(passage.ids):
        return passage.tokens[position + 1]
    return "" if passage.after < 0 else memory.tokenizer.decode([passage.after], clean_up_tokenization_spaces=False)
