"""Alignment of a run: whether its blocks move their input down the energy of what is stored, beside the untrained model and the nulls.

Needs torch: see `lab.serving`.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.data.parts import PARTS
from memlab.errors import UnknownName, UsageError
from memlab.lab.asking import Asked, Choice, cautions, resampled
from memlab.lab.collapse import AUTO, frozen_betas
from memlab.lab.measured import kept
from memlab.lab.sampling import choose_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.measures.alignment import Aligned, Reading
    from memlab.render.series import Series

READINGS: "tuple[Reading, ...]" = ("before", "after")
WORDS = {"training": "training text", "validation": "held-out text", "shuffled": "shuffled patterns", "gaussian": "Gaussian patterns"}


@dataclass(frozen=True)
class Checkpoint:
    """What was found at one step, by block, reading, part and set of patterns."""

    step: int
    aligned: list["Aligned"]

    def at(self, block: int, reading: str, part: str, patterns: str = "stored") -> "Aligned":
        """One of them."""
        wanted = (block, reading, part, patterns)
        return next(one for one in self.aligned if (one.block, one.reading, one.part, one.patterns) == wanted)

    @property
    def blocks(self) -> list[int]:
        """The blocks by number, from 1."""
        return list(dict.fromkeys(one.block for one in self.aligned))


@dataclass(frozen=True)
class Alignment:
    """The checkpoints of one run, ascending, all measured at the same places.

    n_patterns of the n_places that the positions have; n_queries of each part. cut: as `Asked.cut`. betas: by layer of patterns, and where
    auto found them.
    """

    run: str
    n_patterns: int
    n_places: int
    n_queries: int
    positions: str
    context: int
    cut: str
    seed: int
    beta: str
    betas: dict[str, float]
    frozen_at: str
    checkpoints: list[Checkpoint]

    @property
    def untrained(self) -> Checkpoint | None:
        """The null, where it is there and is not all there is."""
        return self.checkpoints[0] if self.checkpoints[0].step == 0 and len(self.checkpoints) > 1 else None

    @property
    def last(self) -> Checkpoint:
        return self.checkpoints[-1]


def alignment(
    run: RunDir,
    home: Path,
    choice: Choice = Choice(),  # noqa: B008 - frozen
    layers: str = "all",
    beta: str = "1",
    checkpoint: str = "last",
    frozen_at: str = "last",
    device: str = "auto",
    progress: Progress = quiet,
) -> Alignment:
    """Measure one checkpoint and the untrained model beside it, or `all`; what was measured before is found again.

    `beta` is a number, or auto: found for each layer by perplexity at the checkpoint `frozen_at`, the same at every step. `layers` are the
    blocks, from 1. Raises RunError where there is no checkpoint yet or its files are damaged, DataError where the run's corpus is not in
    this home or no β is found.
    """
    check_beta_words(beta)
    asked = Asked(run, choice, home, device)
    steps, done = asked.steps(checkpoint), 0

    def report(*_: object) -> None:
        progress("measuring checkpoints", done, len(steps), "checkpoints")

    report()
    where = f"step {choose_checkpoint(run, frozen_at):,}"
    frozen = frozen_betas(asked, choose_checkpoint(run, frozen_at), "all", report) if beta == AUTO else {}
    found = []
    for step in steps:
        found.append(_measured(asked, step, layers, beta, frozen, report))
        done += 1
        report()
    betas = {_layer_of(one): one.beta for one in found[-1][1]}
    sizes = [found[-1][0][name] for name in ("patterns", "places", "queries")]
    text = choice.positions, run.original().model.context, asked.cut
    checkpoints = [Checkpoint(step, one[1]) for step, one in zip(steps, found, strict=True)]
    return Alignment(run.name, *sizes, *text, choice.seed, beta, betas, where, checkpoints)


def check_beta_words(beta: str) -> None:
    """Raises UsageError where the words are neither auto nor a positive number."""
    try:
        value = 1.0 if beta == AUTO else float(beta)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise UsageError(f"--beta is '{beta}'; it must be a positive number (1, as in the paper) or auto (by perplexity, frozen)")


def rows(found: Alignment, reading: str) -> list[dict[str, Any]]:
    """A table of blocks at the last checkpoint. Controls are those of training text."""
    table = []
    for block in found.last.blocks:
        own, held = (found.last.at(block, reading, part) for part in PARTS)
        row = {
            "block": block,
            "training": own.cosine,
            "validation": held.cosine,
            "above": controls_below(found, block, reading, "training"),
        }
        row["untrained"] = found.untrained.at(block, reading, "training").cosine if found.untrained else None
        for null in ("shuffled", "gaussian"):
            control = found.last.at(block, reading, "training", null)
            row |= {null: control.cosine, f"energy_{null}": control.lowers_energy.value}
        table.append({**row, "energy": own.lowers_energy.value, "nearest": own.lowers_nearest.value, "still": own.still})
    return table


def controls_below(found: Alignment, block: int, reading: str, part: str) -> list[str]:
    """The controls that a block's cosine lies above, by 95 % intervals: a null's margin is above 0, the untrained model is below."""
    own = found.last.at(block, reading, part).cosine
    if own is None:
        return []
    below = []
    if found.untrained:
        before = found.untrained.at(block, reading, part).cosine
        below += ["untrained"] if before is None or before.high < own.low else []
    for null in ("shuffled", "gaussian"):
        margin = found.last.at(block, reading, part, null).margin
        below += [null] if margin is not None and margin.low > 0 else []
    return below


def sentences(found: Alignment, reading: str) -> list[str]:
    """What was found in one reading, in words made of the numbers."""
    blocks = found.last.blocks
    n_controls = 3 if found.untrained else 2
    said = []
    for part in PARTS:
        above = [block for block in blocks if len(controls_below(found, block, reading, part)) == n_controls]
        positive = [block for block in above if found.last.at(block, reading, part).cosine.low > 0]
        said.append(f"{_some(positive, blocks)} on {WORDS[part]}")
    controls = "the untrained model, shuffled and Gaussian patterns" if found.untrained else "shuffled and Gaussian patterns"
    lines = [f"Updates point down the energy, and more so than for {controls} (95 % intervals), in {said[0]} and {said[1]}."]
    cosines = [(WORDS[part], average(found.last, reading, part)) for part in PARTS]
    if found.untrained:
        cosines.append(("untrained", average(found.untrained, reading, "training")))
    cosines += [(WORDS[null], average(found.last, reading, "training", null)) for null in ("shuffled", "gaussian")]
    lines.append(f"Mean cosine over the blocks: {', '.join(f'{name} {_signed(value)}' for name, value in cosines)}.")
    shares = [(WORDS[part], _share(found.last, reading, part)) for part in PARTS]
    shares += [(WORDS[null], _share(found.last, reading, "training", null)) for null in ("shuffled", "gaussian")]
    lines.append(f"Updates that lower E: {', '.join(f'{name} {_percent(value)}' for name, value in shares)}.")
    return lines


def notes(found: Alignment) -> list[str]:
    """How the figures came about, and what keeps them from saying more."""
    one = {part: found.last.at(found.last.blocks[0], READINGS[0], part).lowers_energy for part in PARTS}
    how = resampled({WORDS[part]: shares.n_documents for part, shares in one.items()})
    words = [
        f"Cosine of each update with -∇E at the block's input; ± is a 95 % interval {how}. Above: how many of the "
        "controls it lies above on training text. Shuffled: each coordinate permuted over the patterns; Gaussian: of their mean and "
        "covariance."
    ]
    if found.beta == AUTO:
        words.append(f"Each layer's β has 8 held-out patterns in play at {found.frozen_at}; it is the same at every step.")
    words += cautions({found.run: found.cut})
    still = sum(found.last.at(block, reading, part).still for block in found.last.blocks for reading in READINGS for part in PARTS)
    return words + (
        [f"Updates without a direction, for the gradient is nil there, over all blocks and readings: {still:,}."] if still else []
    )


def average(checkpoint: Checkpoint, reading: str, part: str, patterns: str = "stored") -> float | None:
    """The mean over the blocks of their mean cosines; None where none has one."""
    cosines = [checkpoint.at(block, reading, part, patterns).cosine for block in checkpoint.blocks]
    values = [one.value for one in cosines if one is not None]
    return sum(values) / len(values) if values else None


def series(found: Alignment, reading: str) -> "list[Series]":
    """The cosine over the blocks of the last checkpoint: of both parts, of the untrained model, and of the nulls."""

    def curve(checkpoint: Checkpoint, part: str, patterns: str = "stored") -> list[tuple[float, float | None]]:
        cosines = ((block, checkpoint.at(block, reading, part, patterns).cosine) for block in checkpoint.blocks)
        return [(block, cosine and cosine.value) for block, cosine in cosines]

    last, first = found.last, found.untrained
    named = {WORDS[part]: curve(last, part) for part in PARTS}
    named |= {"untrained": curve(first, "training")} if first else {}
    return _series(named | {WORDS[null]: curve(last, "training", null) for null in ("shuffled", "gaussian")})


def series_over_training(found: Alignment, reading: str) -> "list[Series]":
    """The mean cosine over the blocks against the step: of both parts, and of the nulls."""

    def curve(part: str, patterns: str = "stored") -> list[tuple[float, float | None]]:
        return [(one.step, average(one, reading, part, patterns)) for one in found.checkpoints]

    named = {WORDS[part]: curve(part) for part in PARTS}
    return _series(named | {WORDS[null]: curve("training", null) for null in ("shuffled", "gaussian")})


def _series(named: dict[str, Sequence[tuple[float, float | None]]]) -> "list[Series]":
    from memlab.render.series import Series

    made = []
    for name, points in named.items():
        kept_points = [(x, y) for x, y in points if y is not None]
        if kept_points:
            made.append(Series(name, *zip(*kept_points, strict=True), role="validation" if name == WORDS["validation"] else "train"))
    return made


def _measured(
    asked: Asked, step: int, layers: str, beta: str, frozen: dict[str, float | None], progress: Progress
) -> "tuple[dict[str, int], list[Aligned]]":
    """How much was asked of a checkpoint, and what was found, now or before."""
    from memlab.measures import alignment as measure

    def make() -> dict[str, Any]:
        states = asked.states(step, progress=progress)
        names = [name for name in states.patterns if name != "norm"]
        found = []
        for block in _blocks(layers, len(names) - 1):
            before, after = ({part: by[name] for part, by in states.queries.items()} for name in (names[block - 1], names[block]))
            for reading in READINGS:
                layer = names[block - 1 if reading == "before" else block]
                value = _beta(beta, frozen, layer)
                patterns = states.patterns[layer]
                found += measure.alignment(block, before, after, states.where, reading, patterns, value, asked.choice.seed)
                progress("", 0, None, "")
        return {**asked.drawn.sizes, "aligned": [asdict(one) for one in found]}

    def read(found: dict[str, Any]) -> tuple[dict[str, int], list[measure.Aligned]]:
        return found, [measure.Aligned(**{**row, **_means(row)}) for row in found["aligned"]]

    depends_on = {"version": measure.VERSION, **asked.depends_on(step), "layers": layers, "beta": beta, "betas": frozen}
    return kept(asked.run, asked.home, "alignment", step, depends_on, make, read)


def _means(row: dict[str, Any]) -> dict[str, Any]:
    from memlab.measures.estimates import Estimate

    names = ("cosine", "lowers_nearest", "lowers_energy", "margin")
    return {name: None if row[name] is None else Estimate(**row[name]) for name in names}


def _blocks(words: str, n: int) -> list[int]:
    """The blocks that the words mean, by number from 1."""
    if words == "all":
        return list(range(1, n + 1))
    wanted = []
    for word in (part.strip() for part in words.split(",")):
        number = int(word) if word.removeprefix("-").isdecimal() else 0
        number += n + 1 if number < 0 else 0
        if not 1 <= number <= n:
            raise UnknownName(f"the model has no block '{word}'; there are 1 to {n}, and -1 is the last")
        wanted.append(number)
    return sorted(set(wanted))


def _beta(words: str, frozen: dict[str, float | None], layer: str) -> float:
    value = frozen.get(layer) if words == AUTO else float(words)
    if value is None:
        raise UsageError(f"no beta has 8 effective patterns in layer {layer}, so that auto finds none; give a number, such as --beta 1")
    return value


def _layer_of(one: "Aligned") -> str:
    return str(one.block - (one.reading == "before"))


def _some(chosen: list[int], blocks: list[int]) -> str:
    """2 of 4 blocks (1, 3)."""
    which = f" ({', '.join(map(str, chosen))})" if 0 < len(chosen) < len(blocks) else ""
    return f"{len(chosen) or 'none'} of {len(blocks)} blocks{which}"


def _share(checkpoint: Checkpoint, reading: str, part: str, patterns: str = "stored") -> float:
    values = [checkpoint.at(block, reading, part, patterns).lowers_energy.value for block in checkpoint.blocks]
    return sum(values) / len(values)


def _signed(value: float | None) -> str:
    return "undefined" if value is None else f"{value:+.3f}"


def _percent(share: float) -> str:
    from memlab.render.scale import percent

    return percent(share)
