"""What a run has to say on the claims: its log, and the measures that were taken of a checkpoint, or are taken now."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from memlab.errors import MemlabError
from memlab.lab.measured import NotKeptError, kept, only_kept
from memlab.lab.view import RunView
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir
from memlab.rundir.events import Row

if TYPE_CHECKING:
    from memlab.lab.alignment import Alignment
    from memlab.lab.collapse import Course
    from memlab.lab.radius import Radius
    from memlab.measures.propositions import Kept
    from memlab.measures.separation import Separation

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Patterns:
    """How the patterns of one checkpoint lie: each layer by name, and how the bounds on energies fare among those of the last block.

    sizes: how many `patterns` of how many `places`, and how many `queries` of each part.
    """

    step: int
    sizes: dict[str, int]
    layers: "dict[str, Separation]"
    bounds: "dict[str, Kept]"

    @property
    def blocks(self) -> list[str]:
        """The blocks by name, which leave these patterns; the last one is the last."""
        return _blocks(self.layers)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Of a run at `step`, None where it has no checkpoint yet. What is None was not measured, and is not without `measure`.

    `problems`: by measure, why it could not be taken.
    """

    run: RunDir
    home: Path
    step: int | None
    measure: bool = False
    device: str = "auto"
    progress: Progress = quiet
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What takes the measures that are missing."""
        at = "" if self.is_last else f" --checkpoint {self.step}"
        return f"memlab claims {self.run.word} --measure{at}"

    @property
    def to_the_end(self) -> str:
        """What shows more of the training than the checkpoint does."""
        if not self.is_last:
            return f"memlab claims {self.run.word} --measure"
        return f"memlab {'watch' if self.view.is_active else 'resume'} {self.run.word}"

    @cached_property
    def is_last(self) -> bool:
        from memlab.training import checkpoints

        return self.step is None or self.step == checkpoints.steps(self.run.checkpoints)[-1]

    def missing(self, measure: str) -> str:
        """Why a measure is not there, as the beginning of a sentence."""
        return self.problems.get(measure, "it has not been measured on this checkpoint").rstrip(".")

    @cached_property
    def view(self) -> RunView:
        return RunView(self.run)

    @property
    def facts(self) -> dict[str, Any]:
        """Sizes, data and floors as the trainer recorded them; empty before."""
        return self.view.provenance if self.view.has_facts else {}

    @cached_property
    def evaluations(self) -> list[Row]:
        """Those up to the checkpoint whose losses are numbers."""
        rows = self.view.evaluations
        known = [row for row in rows if row["train_loss"] is not None and row["validation_loss"] is not None]
        return [row for row in known if self.step is None or row["step"] <= self.step]

    @cached_property
    def evaluation(self) -> Row | None:
        """The last of them."""
        return self.evaluations[-1] if self.evaluations else None

    @cached_property
    def best(self) -> Row | None:
        """The one with the lowest validation loss."""
        return min(self.evaluations, key=lambda row: row["validation_loss"], default=None)

    @cached_property
    def collapse(self) -> "Course | None":
        """The checkpoint beside the untrained model, as `memlab collapse` measures them."""
        from memlab.lab.collapse import collapse

        return self._found("collapse", lambda: collapse([self.run], self.home, **self._asked)[0])

    @cached_property
    def alignment(self) -> "Alignment | None":
        """The checkpoint beside the untrained model, as `memlab alignment` measures them."""
        from memlab.lab.alignment import alignment

        return self._found("alignment", lambda: alignment(self.run, self.home, **self._asked))

    @cached_property
    def radius(self) -> "Radius | None":
        """As `memlab radius` measures it."""
        return self._found("radius", lambda: self._radius(self._word))

    @cached_property
    def untrained_radius(self) -> "Radius | None":
        """The same of the untrained model."""
        return self._found("radius", lambda: self._radius("0")) if self.step else None

    @cached_property
    def patterns(self) -> Patterns | None:
        """How the patterns of the checkpoint lie."""
        return self._found("patterns", lambda: self._patterns(self._word))

    @cached_property
    def untrained_patterns(self) -> Patterns | None:
        """The same of the untrained model, at the same places."""
        return self._found("patterns", lambda: self._patterns("0")) if self.step else None

    @property
    def _word(self) -> str:
        """The checkpoint as it is asked for; a run without one is then explained."""
        return "last" if self.step is None else str(self.step)

    @property
    def _asked(self) -> dict[str, Any]:
        return {"checkpoint": self._word, "device": self.device, "progress": self.progress}

    def _radius(self, checkpoint: str) -> "Radius":
        from memlab.lab.radius import Wishes, radius

        return radius(str(self.run.path.absolute()), self.home, Wishes(), None, checkpoint, self.device, self.progress)

    def _patterns(self, checkpoint: str) -> Patterns:
        """At β = 1, and at the β of each layer that is frozen at the last checkpoint, as for `memlab collapse`."""
        from memlab.lab.asking import Asked, Choice
        from memlab.lab.collapse import STATED, frozen_betas
        from memlab.lab.sampling import choose_checkpoint
        from memlab.measures import propositions
        from memlab.measures import separation as measure
        from memlab.measures.estimates import Estimate

        asked, step = Asked(self.run, Choice(), self.home, self.device), choose_checkpoint(self.run, checkpoint)
        finding = lambda *_: self.progress("finding β by perplexity", 0, None, "")  # noqa: E731
        betas = frozen_betas(asked, choose_checkpoint(self.run, "last"), "all", finding)

        def make() -> dict[str, Any]:
            states = asked.states(step, progress=self.progress)
            layers = []
            for number, (name, patterns) in enumerate(states.patterns.items()):
                self.progress("measuring how patterns lie", number, len(states.patterns), "layers")
                at = [STATED, *([betas[name]] if betas.get(name) else [])]
                queries = {part: by[name] for part, by in states.queries.items()}
                layers.append(asdict(measure.separation(name, patterns, states.documents, queries, at, asked.choice.seed)))
            return {"sizes": asked.drawn.sizes, "layers": layers, "bounds": _bounds(states.patterns, states.queries["validation"])}

        def read(found: dict[str, Any]) -> Patterns:
            layers = [
                measure.Separation(**{**row, "at": [measure.AtBeta(**{**one, "stored": Estimate(**one["stored"])}) for one in row["at"]]})
                for row in found["layers"]
            ]
            bounds = {name: propositions.Kept(*values) for name, values in found["bounds"].items()}
            return Patterns(step, found["sizes"], {layer.layer: layer for layer in layers}, bounds)

        depends_on = {"version": measure.VERSION, **asked.depends_on(step), "betas": betas}
        return kept(self.run, self.home, "separation", step, depends_on, make, read)

    def _found(self, measure: str, make: Callable[[], T]) -> T | None:
        """What `make` returns, measured only where that is wished for; None, with the problem noted, where that is not possible."""
        try:
            if self.measure:
                return make()
            with only_kept():
                return make()
        except NotKeptError:
            return None
        except MemlabError as error:
            self.problems.setdefault(measure, str(error))
            return None


def _blocks(layers: Iterable[str]) -> list[str]:
    return [name for name in layers if name not in ("0", "norm")]


def _bounds(patterns: dict[str, Any], queries: dict[str, Any]) -> dict[str, Any]:
    """The bounds on energies, for held-out queries among the patterns of the last block, and over all blocks."""
    import torch

    from memlab.measures.propositions import E8, equation_8, propositions
    from memlab.memory.search import search

    blocks = _blocks(patterns)
    last = blocks[-1]
    energies = torch.stack([search(queries[name], patterns[name], 1, [1.0]).energies[:, 0] for name in blocks])
    return propositions(queries[last], patterns[last]) | ({E8: equation_8(energies)} if len(blocks) > 1 else {})
