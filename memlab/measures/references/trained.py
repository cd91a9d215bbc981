"""A model as reference: trained on other text than the one that it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from memlab.data.parts import AnyPart
from memlab.measures.predicted import Predicted, predict
from memlab.measures.references import unheard


@dataclass(frozen=True, eq=False)
class ModelReference:
    """A model with the same tokens as the one that it is a reference of. What it was trained on is for whoever makes it to say."""

    model: PreTrainedModel
    words: str
    identity: dict[str, Any]
    is_exact: bool = False

    def predict(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        part: AnyPart = "given",
        rows: np.ndarray | None = None,
        progress: Callable[[int], None] = unheard,
    ) -> Predicted:
        """As `Reference.predict`."""
        return predict(self.model, inputs, targets, progress)
