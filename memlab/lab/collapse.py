"""Collapse over training: how many patterns are in play and how many fixed points there are, checkpoint by checkpoint.

Needs torch: see `lab.serving`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.errors import UnknownName
from memlab.lab.asking import Asked, Choice, cautions, in_common
from memlab.lab.measured import kept
from memlab.lab.sampling import choose_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.measures.collapse import LayerCollapse, Reached
    from memlab.render.series import Series

STATED = 1.0  # the β of the paper's equation 4
AUTO = "auto"


@dataclass(frozen=True)
class Checkpoint:
    """The layers of one checkpoint; step 0 is the untrained model, the null."""

    step: int
    layers: list["LayerCollapse"]

    def layer(self, name: str) -> "LayerCollapse":
        """A layer by name."""
        return next(layer for layer in self.layers if layer.layer == name)


@dataclass(frozen=True)
class Course:
    """The checkpoints of one run, ascending, all measured at the same places.

    n_patterns of the n_places that the positions have; n_queries of each part. cut: as `Asked.cut`. betas: the frozen β of each layer, None
    where no β has 8 effective patterns, and `frozen_at` the run and step it was found at.
    """

    run: str
    n_patterns: int
    n_places: int
    n_queries: int
    positions: str
    context: int
    cut: str
    seed: int
    betas: dict[str, float | None]
    frozen_at: str
    checkpoints: list[Checkpoint]

    @property
    def names(self) -> list[str]:
        """The layers by name."""
        return [layer.layer for layer in self.checkpoints[-1].layers]

    @property
    def untrained(self) -> Checkpoint | None:
        """The null, where it is there and is not all there is."""
        first = self.checkpoints[0]
        return first if first.step == 0 and len(self.checkpoints) > 1 else None

    def beta(self, layer: str, words: str) -> float | None:
        """The β that the words mean for a layer."""
        return self.betas[layer] if words == AUTO else float(words)


def collapse(
    runs: Sequence[RunDir],
    home: Path,
    choice: Choice = Choice(),  # noqa: B008 - frozen
    layers: str = "all",
    checkpoint: str = "all",
    frozen_at: str = "last",
    device: str = "auto",
    progress: Progress = quiet,
) -> list[Course]:
    """Measure the checkpoints of some runs, or one checkpoint and the untrained model; what was measured before is found again.

    At β = 1, and at a β that is frozen: found by perplexity at the checkpoint `frozen_at` of the first run, the same at every step of
    every run. Several runs are measured with as many patterns and queries each, for both numbers decide how many can be found.
    Raises RunError where a run has no checkpoint yet or its files are damaged, DataError where its corpus is not in this home.
    """
    asked = in_common([Asked(run, choice, home, device) for run in runs])
    steps = [one.steps(checkpoint) for one in asked]
    frozen_step = choose_checkpoint(runs[0], frozen_at)
    betas = frozen_betas(asked[0], frozen_step, layers, lambda *_: progress("finding β in each layer", 0, None, ""))
    n_checkpoints, done = 0, 0

    def report(doing: str, *_: object) -> None:
        nonlocal done
        done += not doing  # a layer that has been measured is reported without a word
        progress("measuring checkpoints", done, len(betas) * sum(map(len, steps)), "layers")

    courses = []
    for one, its_steps in zip(asked, steps, strict=True):
        found = []
        for step in its_steps:
            sizes, measured = _measured(one, step, layers, betas, report)
            found.append(Checkpoint(step, measured))
            n_checkpoints += 1
            done = len(betas) * n_checkpoints  # also those that were found again
            report("measured")
        its_betas = {layer.layer: betas.get(layer.layer) for layer in found[0].layers}
        numbers = [sizes[name] for name in ("patterns", "places", "queries")]
        text = choice.positions, one.run.original().model.context, one.cut
        where = f"step {frozen_step:,} of {runs[0].name}"
        courses.append(Course(one.run.name, *numbers, *text, choice.seed, its_betas, where, found))
    return courses


def rows(course: Course, beta: str) -> list[dict[str, Any]]:
    """The course as a table of layers: what changed from the untrained model to the last checkpoint. `beta` is auto or a number."""
    found = []
    for name in course.names:
        layers = [one.layer(name) for one in (course.untrained, course.checkpoints[-1]) if one]
        value = course.beta(name, beta)
        row = {"layer": name, "nearest": [layer.nearest for layer in layers], "apart": [layer.apart for layer in layers], "beta": value}
        for part in ("training", "validation"):
            at = [layer.at(part, value) for layer in layers if value is not None]
            row[part] = [one.effective_patterns for one in at if one]
            row[f"{part}_points"] = [one.fixed_points for one in at if one]
            row["unsettled"] = row.get("unsettled", 0) + sum(one.unsettled for one in at if one)
        found.append(row)
    return found


def shown_layer(course: Course, wanted: str = "") -> str:
    """The layer that a curve is drawn of: the one wanted, else the last block's own output, which the final LayerNorm has not touched."""
    if wanted and wanted not in course.names:
        raise UnknownName(f"run '{course.run}' was not measured in layer '{wanted}'; there are: {', '.join(course.names)}")
    return wanted or [name for name in course.names if name != "norm" or len(course.names) == 1][-1]


def series(courses: Sequence[Course], layer: str, beta: str) -> "list[Series]":
    """Effective patterns of training and of held-out text against the step, for each run that has the layer."""
    from memlab.render.look import overlay
    from memlab.render.series import Series

    drawn = []
    for number, course in enumerate(courses):
        before = f"{course.run} " if len(courses) > 1 else ""
        color = overlay(number - 1).color if number else None
        for part, role, words in (("training", "train", "training text"), ("validation", "validation", "held-out text")):
            points = _points(course, layer, part, beta)
            if points:
                drawn.append(Series(before + words, *zip(*points, strict=True), role=role, color=color))
    return drawn


def sentence(course: Course, layer: str, beta: str) -> str:
    """What was found in one layer, in words made of the numbers."""
    value = course.beta(layer, beta)
    if value is None:
        return f"layer {layer}: no beta has 8 effective patterns at {course.frozen_at}"
    last = course.checkpoints[-1]
    now = {part: last.layer(layer).at(part, value) for part in ("training", "validation")}
    null = course.untrained.layer(layer).at("training", value) if course.untrained else None
    found = [
        f"training text: {_in_play(now['training'])} of {course.n_patterns:,} patterns in play (median query), "
        f"{now['training'].fixed_points:,} fixed points for {course.n_queries:,} queries",
        f"held-out text: {_in_play(now['validation'])} and {now['validation'].fixed_points:,}",
        *([f"untrained, training text: {_in_play(null)} and {null.fixed_points:,}"] if null else []),
    ]
    return f"{course.run}, layer {layer}, step {last.step:,}, {'; '.join(found)}."


def notes(courses: Sequence[Course], beta: str) -> list[str]:
    """How the figures came about, and what keeps them from comparing."""
    first = courses[0]
    words = [
        "In play: exp(entropy of the association weights), median over queries. Fixed points: those that the queries descend to, equal "
        "within 1e-3 of the distance; distance: the median from a pattern to its nearest other, over 256 of them less those with a double."
    ]
    if beta == AUTO:
        words.append(f"Each layer's β has 8 held-out patterns in play at {first.frozen_at}; it is the same at every step.")
    if len(courses) > 1:
        words.append(f"All runs are cut to {first.n_patterns:,} patterns and {first.n_queries:,} queries of each part.")
        if len({course.context for course in courses}) > 1:
            words.append(f"Their rows differ in length: {', '.join(f'{course.run} {course.context}' for course in courses)} tokens.")
    words += cautions({course.run: course.cut for course in courses})
    unsettled = sum(row["unsettled"] for course in courses for row in rows(course, beta))
    return words + ([f"Queries still moving after the last step of their descent: {unsettled:,}."] if unsettled else [])


def _in_play(found: "Reached") -> str:
    from memlab.render.scale import decimal

    return decimal(found.effective_patterns)


def _points(course: Course, layer: str, part: str, beta: str) -> list[tuple[int, float]]:
    value = course.beta(layer, beta) if layer in course.names else None
    found = [(one.step, one.layer(layer).at(part, value)) for one in course.checkpoints if value is not None]
    return [(step, reached.effective_patterns) for step, reached in found if reached]


def frozen_betas(asked: Asked, step: int, layers: str, progress: Progress) -> dict[str, float | None]:
    """By layer the β at which the held-out queries of a checkpoint have 8 effective patterns."""
    from memlab.measures.collapse import VERSION, frozen_beta

    def find() -> dict[str, float | None]:
        states = asked.states(step, layers, progress)
        found = {}
        for name, patterns in states.patterns.items():
            found[name] = frozen_beta(states.queries["validation"][name], patterns)
            progress("", 0, None, "")
        return found

    return kept(asked.run, asked.home, "frozen-beta", step, {"version": VERSION, **asked.depends_on(step), "layers": layers}, find)


def _measured(
    asked: Asked, step: int, layers: str, betas: dict[str, float | None], progress: Progress
) -> "tuple[dict[str, int], list[LayerCollapse]]":
    """How much was asked of a checkpoint, and its layers, measured now or before."""
    from memlab.measures import collapse as measure

    def make() -> dict[str, Any]:
        states = asked.states(step, layers, progress)
        found = []
        for name, patterns in states.patterns.items():
            frozen = betas.get(name)
            at = (STATED,) if frozen is None else (STATED, frozen)
            found.append(asdict(measure.collapse(name, patterns, {part: by[name] for part, by in states.queries.items()}, at)))
            progress("", 0, None, "")
        return {**asked.drawn.sizes, "layers": found}

    def read(found: dict[str, Any]) -> tuple[dict[str, int], list[measure.LayerCollapse]]:
        reached = [[measure.Reached(**one) for one in row["reached"]] for row in found["layers"]]
        return found, [measure.LayerCollapse(**{**row, "reached": its}) for row, its in zip(found["layers"], reached, strict=True)]

    depends_on = {"version": measure.VERSION, **asked.depends_on(step), "layers": layers, "betas": betas}
    return kept(asked.run, asked.home, "collapse", step, depends_on, make, read)
