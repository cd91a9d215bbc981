"""A run's checkpoints, all asked at the same places of its text: what measures over training are taken on.

Needs torch: see `lab.serving`.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.errors import UsageError
from memlab.lab.measured import weights_and_text
from memlab.lab.sampling import choose_checkpoint, load_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.measures.drawn import Drawn, DrawnStates

PATTERNS, QUERIES, SEED, POSITIONS = 4096, 256, 0, "all"
UNTRAINED = 0  # the step of the null
DOCUMENTS, FIXED, RANDOM = "documents", "fixed", "random"  # how a run cuts its text into rows
_OWN = "Among the patterns are the tokens that training queries stand at, from windows that begin elsewhere; held-out text has none there."
_REPEATED = "Text that stands in the training text elsewhere too is not asked with, of either part."
_CAUTIONS = {
    DOCUMENTS: "Patterns come from other documents than the training queries ({runs}): a document has one beginning only and would find "
    "itself.",
    FIXED: "Trained on windows that begin at fixed places ({runs}): training queries are shifted against these, so that their text was "
    "seen, but never from this beginning on. A run with data.order=random has seen both.",
}


@dataclass(frozen=True)
class Choice:
    """How many patterns and how many queries of each part are drawn at most, from which positions, by which seed."""

    patterns: int = PATTERNS
    queries: int = QUERIES
    positions: str = POSITIONS
    seed: int = SEED

    def __post_init__(self) -> None:
        if self.patterns < 2:
            raise UsageError(f"--patterns is {self.patterns}; at least 2 are needed, so that they have distances")
        if self.queries < 1:
            raise UsageError(f"--queries is {self.queries}; ask with at least 1")
        if self.seed < 0:
            raise UsageError(f"--seed is {self.seed}; it must be at least 0")


@dataclass(frozen=True, eq=False)
class Asked:
    """A run and the places that each of its checkpoints is asked at; the text is opened when it is first needed, models one by one."""

    run: RunDir
    choice: Choice
    home: Path
    device: str = "auto"

    @functools.cached_property
    def drawn(self) -> "Drawn":
        """The places, the same for all checkpoints. Raises DataError where the run's corpus is not in this home."""
        from memlab.data.rows import recorded_rows
        from memlab.measures.drawn import draw

        data, choice = recorded_rows(self.home, self.run), self.choice
        return draw(data, self.run.original().model.context, choice.patterns, choice.queries, choice.positions, choice.seed)

    @property
    def cut(self) -> str:
        """How the run cuts its text into rows: documents, windows that begin at fixed places, or windows that begin anywhere."""
        data = self.run.original().data
        return DOCUMENTS if data.rows == "documents" else FIXED if data.order == "epochs" else RANDOM

    def steps(self, checkpoint: str) -> list[int]:
        """The checkpoints that `all` or one word means, ascending; with one, the untrained model beside it as the null."""
        from memlab.training import checkpoints

        last = choose_checkpoint(self.run, "last" if checkpoint == "all" else checkpoint)
        there = checkpoints.steps(self.run.checkpoints)
        return there if checkpoint == "all" else [step for step in there if step in (UNTRAINED, last)]

    def states(self, step: int, layers: str | list[str] = "all", progress: Progress = quiet) -> "DrawnStates":
        """The states of a checkpoint at these places, in the layers that the words mean, or in those named."""
        from memlab.measures.drawn import states_of
        from memlab.measures.hidden import choose_layers, layer_names
        from memlab.training.device import choose_device

        model = load_checkpoint(self.run, step)[0].to(choose_device(self.device))
        names = choose_layers(layers, layer_names(model)) if isinstance(layers, str) else layers
        return states_of(model, self.drawn, names, progress)

    def depends_on(self, step: int) -> dict[str, Any]:
        """What anything measured on these states of a checkpoint depends on."""
        return {**weights_and_text(self.run, step), **dataclasses.asdict(self.choice)}


def cautions(cuts: Mapping[str, str]) -> list[str]:
    """What the way in which runs cut their text means for queries of training text, of how each run does it."""
    named = {cut: ", ".join(run for run, one in cuts.items() if one == cut) for cut in cuts.values()}
    own = [_OWN] if set(named) - {DOCUMENTS} else []
    return [*own, _REPEATED] + [words.format(runs=named[cut]) for cut, words in _CAUTIONS.items() if cut in named]


def resampled(numbers: Mapping[str, int]) -> str:
    """How intervals came about, of so many documents of each part: `from resampling documents (4 of training text, 9 of held-out text)`."""
    alone = ", of a single one its rows" if 1 in numbers.values() else ""
    return f"from resampling documents{alone} ({', '.join(f'{number:,} of {part}' for part, number in numbers.items())})"


def in_common(asked: Sequence[Asked]) -> list[Asked]:
    """The same runs with as many patterns and as many queries each: what the smallest has. One run stays as it is."""
    while len(asked) > 1:
        sizes = {(one.drawn.n_patterns, one.drawn.n_queries) for one in asked}
        if len(sizes) == 1:
            break
        patterns, queries = (min(size) for size in zip(*sizes, strict=True))
        asked = [Asked(one.run, dataclasses.replace(one.choice, patterns=patterns, queries=queries), one.home, one.device) for one in asked]
    return list(asked)
