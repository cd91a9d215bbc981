"""One text over training: how near it is to the patterns of each checkpoint, and to which, beside training text and held-out text.

Needs torch: see `lab.serving`.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.errors import DataError, UsageError
from memlab.lab.measured import kept, weights_and_text
from memlab.lab.passages import Passage
from memlab.lab.questions import LAST_BLOCK, Question, parse_beta, passage_of
from memlab.lab.remembering import Context, RunMemory, open_model
from memlab.lab.sampling import choose_checkpoint, load_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from memlab.measures.drawn import Drawn
    from memlab.measures.patterns import States
    from memlab.render.series import Series

PATTERNS, QUERIES, SEED, POINTS = 4096, 256, 0, 24
SHOWN = {"squared_distance": "nearest d²", "energy": "energy", "effective_patterns": "patterns in play"}
_NAME, _MEASURE = "over-training", 1  # the second is raised whenever something else is computed


@dataclass(frozen=True)
class Values:
    """g, E_β and effective patterns: of one state, or the medians of many."""

    squared_distance: float
    energy: float
    effective_patterns: float


@dataclass(frozen=True)
class Moment:
    """A checkpoint: this text's values in a layer at `beta`, those of training and held-out queries, and the pattern nearest to it."""

    step: int
    beta: float
    text: Values
    training: Values
    held_out: Values
    nearest: Context


@dataclass(frozen=True)
class Course:
    """One position of a passage in one layer, checkpoint by checkpoint.

    Patterns are all positions of whole training rows drawn by `seed`, the same at every checkpoint: `n_patterns` of them. Training queries
    are of these rows (`n_queries` of both parts). `beta` is 1, a number, or auto: chosen by perplexity at the step `frozen_at`, None else.
    `n_left_out` checkpoints are not among the `moments`.
    """

    run: str
    label: str
    note: str
    tokens: list[str]
    position: int
    layer: str
    layer_words: str
    beta: str
    frozen_at: int | None
    n_patterns: int
    n_queries: dict[str, int]
    seed: int
    n_left_out: int
    moments: list[Moment]


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked of every checkpoint."""

    memory: RunMemory
    passage: Passage
    position: int
    drawn: "Drawn"
    device: str


@dataclass(frozen=True, eq=False)
class _Taken:
    """What one checkpoint has at these places: the states of patterns and queries, and of the passage's position, by layer (C,)."""

    patterns: "States"
    queries: "dict[str, States]"
    state: "dict[str, Tensor]"


def over_training(
    run: RunDir,
    home: Path,
    question: Question,
    layer: str = LAST_BLOCK,
    position: int = -1,
    beta: str = "1",
    frozen_at: str = "last",
    points: int = POINTS,
    device: str = "auto",
    progress: Progress = quiet,
) -> Course:
    """Ask every checkpoint (at most `points`, evenly chosen) with one text, each with the same places of the training text in memory.

    What a checkpoint answers is kept in the run directory for all of its layers. Raises what `open_model` and `inspecting.inspect` raise.
    """
    from memlab.measures.hidden import choose_layers, describe_layer

    parse_beta(beta)
    if points < 2:
        raise UsageError(f"--points is {points}; at least 2 checkpoints make a course")
    memory = open_model(run, home, "last", device, progress)
    names = choose_layers(layer, memory.layers)
    if len(names) != 1:
        raise UsageError(f"--layer is '{layer}'; name one: {', '.join(memory.layers)}")
    asked = _ask(memory, question, position, device)
    frozen = choose_checkpoint(run, frozen_at) if beta == "auto" else None
    betas = functools.cache(lambda: _betas(asked, beta, frozen, progress))
    there = checkpoints_of(run)
    steps = thinned(there, points)
    moments = []
    for number, step in enumerate(steps):
        progress("asking each checkpoint", number, len(steps), "checkpoints")
        found = kept(
            run, home, f"{_NAME}/{_digest(question, asked, beta)}", step, _depends_on(asked, step, beta, frozen), _maker(asked, step, betas)
        )
        moments.append(_moment(step, found[names[0]]))
    return Course(
        run=run.name,
        label=asked.passage.label,
        note=asked.passage.note,
        tokens=asked.passage.tokens,
        position=asked.position,
        layer=names[0],
        layer_words=describe_layer(names[0], memory.layers),
        beta=beta,
        frozen_at=frozen,
        n_patterns=len(asked.drawn.numbers),
        n_queries={part: len(one) for part, one in asked.drawn.queries.items()},
        seed=SEED,
        n_left_out=len(there) - len(steps),
        moments=moments,
    )


def checkpoints_of(run: RunDir) -> list[int]:
    """The steps that have a checkpoint, ascending."""
    from memlab.training import checkpoints

    return checkpoints.steps(run.checkpoints)


def thinned(steps: Sequence[int], at_most: int) -> list[int]:
    """The first, the last and others evenly between them by their order, so that the early ones, which lie close, stay as frequent."""
    if len(steps) <= at_most:
        return list(steps)
    return [steps[round(number * (len(steps) - 1) / (at_most - 1))] for number in range(at_most)]


def series(course: Course, show: str) -> "list[Series]":
    """Curves of one of SHOWN: this text, and the medians of training and of held-out text."""
    from memlab.render.series import Series

    steps = [moment.step for moment in course.moments]
    parts = (("this text", "text", "validation", 5), ("training text", "training", "train", 0), ("held-out text", "held_out", "train", 1))
    return [
        Series(name, steps, [getattr(getattr(moment, part), show) for moment in course.moments], role=role, color=color)
        for name, part, role, color in parts
    ]


def labels(course: Course, show: str) -> dict[str, Any]:
    """What the axes of these curves are called, and whether all values are positive, so that it can be logarithmic."""
    parts = [part for moment in course.moments for part in (moment.text, moment.training, moment.held_out)]
    return {"x_label": "steps", "y_label": SHOWN[show], "log_y": all(getattr(part, show) > 0 for part in parts)}


def _ask(memory: RunMemory, question: Question, position: int, device: str) -> _Asked:
    from memlab.measures.whole_rows import draw_whole_rows

    passage = passage_of(memory, question)
    position = passage.position(position)
    own = question.number if question.part == "training" and passage.own_document is None else None
    drawn = draw_whole_rows(memory.data, memory.context, PATTERNS, QUERIES, SEED, including=own)
    return _Asked(memory, passage, position, drawn, device)


def _maker(asked: _Asked, step: int, betas: Callable[[], dict[str, float]]) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        taken = _take(asked, step)
        return {name: asdict(_values(asked, taken, name, step, betas()[name])) for name in asked.memory.layers}

    return make


def _take(asked: _Asked, step: int) -> _Taken:
    """The states of a checkpoint."""
    import torch

    from memlab.measures.hidden import hidden_states
    from memlab.measures.patterns import collect_states
    from memlab.training.device import choose_device

    model, names, drawn = load_checkpoint(asked.memory.run, step)[0].to(choose_device(asked.device)), asked.memory.layers, asked.drawn
    inputs = torch.from_numpy(asked.passage.ids)[None].to(model.device)
    states = hidden_states(model, inputs, names)
    return _Taken(
        collect_states(model, drawn.places, drawn.numbers, names),
        {part: collect_states(model, one.places, one.numbers, names) for part, one in drawn.queries.items()},
        {name: state[0, asked.position].cpu() for name, state in states.items()},
    )


def _values(asked: _Asked, taken: _Taken, layer: str, step: int, beta: float) -> Moment:
    """Raises DataError where all patterns are the passage's own."""
    import numpy as np

    from memlab.memory.search import search

    where, patterns = taken.patterns.where, taken.patterns.by_layer[layer]
    own = asked.passage.own_document
    exclude = None if own is None else _rows(np.array([own]), where.documents)
    if own is not None and (where.documents == own).all():
        raise DataError("all patterns drawn are this passage's own; take another passage")
    found = search(taken.state[layer][None], patterns, 1, [beta], exclude)
    medians = {}
    for part, queries in taken.queries.items():
        own_rows = _rows(queries.where.documents, where.documents) if part == "training" and asked.memory.has_documents else None
        near = search(queries.by_layer[layer], patterns, 1, [beta], own_rows)
        medians[part] = _three(near.squared_distances[:, 0], near.energies[:, 0], near.effective_patterns[:, 0])
    row = int(found.indices[0, 0])
    text = _three(found.squared_distances[:, 0], found.energies[:, 0], found.effective_patterns[:, 0])
    return Moment(step, beta, text, medians["training"], medians["validation"], _in_words(asked.memory, taken.patterns, row))


def _three(*columns: "Tensor") -> Values:
    """Medians over the rows that found any pattern. Raises DataError where none did."""
    if not columns[0].isfinite().any():
        raise DataError("all patterns drawn are of the documents that are asked with, whose own do not count; take a larger data.fraction")
    return Values(*(float(column[column.isfinite()].median()) for column in columns))


def _rows(documents: "np.ndarray", patterns: "np.ndarray") -> "Tensor":
    import torch

    from memlab.measures.queries import own_rows

    return torch.from_numpy(own_rows(documents, patterns))


@dataclass(frozen=True)
class _Drawn:
    """Stands in for a store: where its rows came from."""

    states: "States"

    def where(self, row: int) -> Any:
        from memlab.memory.store import Origin

        where = self.states.where
        return Origin(int(where.documents[row]), int(where.offsets[row]), int(where.next_tokens[row]))


def _in_words(memory: RunMemory, patterns: "States", row: int) -> Context:
    import dataclasses

    return dataclasses.replace(memory, store=_Drawn(patterns)).where(row)


def _betas(asked: _Asked, words: str, frozen: int | None, progress: Progress) -> dict[str, float]:
    """β of every layer: the same everywhere, or chosen by perplexity over held-out queries at one checkpoint; 1 where none gives it."""
    from memlab.lab.controls import PERPLEXITY
    from memlab.memory.basin import beta_by_perplexity

    value, names = parse_beta(words), asked.memory.layers
    if value is not None:
        return dict.fromkeys(names, value)
    progress(f"choosing beta at step {frozen:,}", 0, None, "")
    taken, betas = _take(asked, frozen), {}
    for name in names:
        try:
            betas[name] = beta_by_perplexity(taken.queries["validation"].by_layer[name], taken.patterns.by_layer[name], PERPLEXITY).beta
        except DataError:  # too many equal patterns
            betas[name] = 1.0
    return betas


def _digest(question: Question, asked: _Asked, beta: str) -> str:
    """A folder for one text at one position and β, so that another one does not take its place."""
    words = json.dumps([asked.passage.ids.tolist(), asdict(question), asked.position, beta])
    return hashlib.sha256(words.encode()).hexdigest()[:12]


def _depends_on(asked: _Asked, step: int, beta: str, frozen: int | None) -> dict[str, Any]:
    run, passage = asked.memory.run, asked.passage
    return {
        "measure": _MEASURE,
        **weights_and_text(run, step),
        "patterns": PATTERNS,
        "queries": QUERIES,
        "seed": SEED,
        "ids": passage.ids.tolist(),
        "own_document": passage.own_document,
        "position": asked.position,
        "beta": beta,
        "frozen_at": None if frozen is None else weights_and_text(run, frozen),
    }


def _moment(step: int, found: dict[str, Any]) -> Moment:
    values = {name: Values(**found[name]) for name in ("text", "training", "held_out")}
    return Moment(step, found["beta"], **values, nearest=Context(**found["nearest"]))
