"""What all measures of one checkpoint are made from, each part computed when it is first asked for, and once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from transformers import PreTrainedModel

from memlab.data.parts import PARTS, Part
from memlab.data.rows import RunData
from memlab.measures.continued import continue_greedily
from memlab.measures.estimates import Estimate
from memlab.measures.excerpts import Excerpts, take_excerpts
from memlab.measures.predicted import Predicted, predict
from memlab.measures.references import Reference
from memlab.progress import Progress, quiet

N = 256


@dataclass(frozen=True)
class Figure:
    """One number that a measure finds, such as a share of tokens, with its interval. `part` is both where it compares the two."""

    name: str
    part: Literal["training", "validation", "both"]
    estimate: Estimate
    unit: str = "share"


@dataclass(frozen=True, eq=False)
class Material:
    """A model (not training), the text that its run reads, and how much of it is looked at: `n` excerpts of each part, drawn by the seed.

    `reference` is what can be known without the training text; measures that compare with it find nothing where it is None. `progress` is
    called as the work goes on, and may raise to stop it.
    """

    model: PreTrainedModel
    data: RunData
    context: int
    n: int | None = N
    seed: int = 0
    progress: Progress = quiet
    reference: Reference | None = None

    @cached_property
    def excerpts(self) -> dict[Part, Excerpts]:
        """Rows of both parts, without held-out text that stands in the training text too: it would be no control."""
        drawn = self._drawn
        fresh = drawn["validation"].times == 0
        return {**drawn, "validation": drawn["validation"].some(fresh)} if fresh.any() else drawn

    @property
    def n_left_out(self) -> int:
        """How many held-out rows were left out for that."""
        return len(self._drawn["validation"]) - len(self.excerpts["validation"])

    @cached_property
    def _drawn(self) -> dict[Part, Excerpts]:
        return {part: take_excerpts(self.data, self.context, part, self.n, self.seed) for part in PARTS}

    @cached_property
    def predicted(self) -> dict[Part, Predicted]:
        """What the model holds of every token of the excerpts after its true prefix."""
        return {
            part: predict(self.model, some.inputs, some.targets, self._reporter(f"predicting {part} text", len(some)))
            for part, some in self.excerpts.items()
        }

    @cached_property
    def expected(self) -> dict[Part, Predicted]:
        """What the reference holds of every token of the excerpts. Raises ValueError where there is none."""
        if self.reference is None:
            raise ValueError("a material without a reference expects nothing")
        return {
            part: self.reference.predict(
                some.inputs, some.targets, part, some.rows, self._reporter(f"predicting {part} text with the reference", len(some))
            )
            for part, some in self.excerpts.items()
        }

    @cached_property
    def continued(self) -> dict[Part, list[np.ndarray]]:
        """What the model goes on with after each excerpt's prompt, greedily."""
        return {
            part: continue_greedily(
                self.model, some.prompts, [len(true) for true in some.continuations], self._reporter(f"continuing {part} text", len(some))
            )
            for part, some in self.excerpts.items()
        }

    def _reporter(self, doing: str, total: int):
        return lambda done: self.progress(doing, done, total, "passages")
