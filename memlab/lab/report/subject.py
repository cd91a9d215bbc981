"""The run that a chapter of a report is about, and what its sections share."""

import functools
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memlab.data.parts import Part
from memlab.lab.measured import NotKeptError
from memlab.lab.sampling import choose_checkpoint
from memlab.lab.view import RunView
from memlab.progress import Progress
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.lab.memorized import Examined
    from memlab.lab.remembering import RunMemory

FEW_TOKENS = 32_768  # of training text, whose patterns are stored within seconds
PASSAGES = 64  # of each part that the best memorised are looked for among

WORDS = {"training": "training passage", "validation": "held-out passage"}
OPTIONS = {"training": "--train", "validation": "--validation"}  # by which commands ask with them


@dataclass(frozen=True, eq=False)
class Subject:
    """A run, opened piece by piece as sections need it, always at the same checkpoint: its last when the report was begun."""

    view: RunView
    home: Path
    seed: int
    device: str
    progress: Progress

    @property
    def run(self) -> RunDir:
        return self.view.run

    @functools.cached_property
    def step(self) -> int:
        """Raises RunError where there is no checkpoint yet."""
        return choose_checkpoint(self.run, "last")

    @functools.cached_property
    def model(self) -> "RunMemory":
        """The checkpoint and the run's text, without patterns."""
        from memlab.lab.remembering import open_model

        return open_model(self.run, self.home, str(self.step), self.device, self.progress)

    @functools.cached_property
    def memory(self) -> "RunMemory":
        """The checkpoint with its stored patterns. Raises NotKeptError where they are not stored and storing them takes minutes."""
        from memlab.lab.remembering import has_patterns, open_memory

        n_tokens = self.model.data.selection.n_tokens
        if n_tokens > FEW_TOKENS and not has_patterns(self.model, self.home):
            raise NotKeptError(f"the patterns of run '{self.run.name}' are not stored at step {self.step:,}")
        return open_memory(self.run, self.home, str(self.step), self.device, self.progress)

    @functools.cached_property
    def ranked(self) -> "Examined":
        """Some passages of each part, the best memorised first."""
        from memlab.lab.memorized import examine

        return examine(self.run, self.home, str(self.step), [], PASSAGES, self.seed, self.device, self.progress)

    def best(self, part: Part, n: int = 1) -> list[int]:
        """The best memorised passages of a part, by their numbers."""
        some = self.ranked.training if part == "training" else self.ranked.held_out
        return [passage.row for passage in some[:n]]

    def command(self, name: str, *options: str | int, at_checkpoint: bool = True) -> str:
        """What to type to have a figure again."""
        checkpoint = ("--checkpoint", self.step) if at_checkpoint else ()
        return " ".join(["memlab", name, self.run.word, *(shlex.quote(str(word)) for word in (*options, *checkpoint))])
