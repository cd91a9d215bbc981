"""What a memory is asked with: a text as the model sees it, the layer and the position meant, and the inverse temperature.

Needs torch: see `lab.serving`.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memlab.data.parts import AnyPart
from memlab.errors import DataError, UsageError
from memlab.lab import passages
from memlab.lab.controls import Controls, controls
from memlab.lab.passages import Passage
from memlab.lab.remembering import RunMemory
from memlab.progress import Progress, quiet

if TYPE_CHECKING:
    from torch import Tensor

LAST_BLOCK = "-1"


@dataclass(frozen=True)
class Question:
    """The text to ask with: a person's (`part` is given), or passage `number` of the run's own training or validation text."""

    part: AnyPart = "given"
    text: str = ""
    number: int = 0


@dataclass(frozen=True, eq=False)
class Seen:
    """A passage as the model sees it: `states` by stored layer (T, C), and `log_probabilities` (T, V) of the token after each position."""

    memory: RunMemory
    passage: Passage
    states: "dict[str, Tensor]"
    log_probabilities: "Tensor"
    controls: Controls | None


@dataclass(frozen=True)
class Asked:
    """The passage in words: `tokens` is what each position adds to the text; `note` says how it was made comparable."""

    part: AnyPart
    label: str
    note: str
    tokens: list[str]
    excluded: int


def see(memory: RunMemory, question: Question, progress: Progress = quiet) -> Seen:
    """The states of a passage, what the model predicts after each position, and the controls of the memory."""
    import torch

    passage = passage_of(memory, question)
    progress("asking the model", 0, None, "")
    states = memory.states(passage.ids)
    with torch.inference_mode():
        logits = memory.model(input_ids=torch.from_numpy(passage.ids)[None].to(memory.model.device)).logits[0]
    try:
        known = controls(memory, progress)
    except DataError:  # all held-out text stands in the training text too
        known = None
    return Seen(memory, passage, states, logits.float().log_softmax(-1).cpu(), known)


def passage_of(memory: RunMemory, question: Question) -> Passage:
    """The text of a question as the model is given it. Raises DataError or UsageError where there is none."""
    if question.part == "given":
        return passages.given(memory, question.text)
    return passages.of_data(memory, question.part, question.number)


def find_layer(memory: RunMemory, words: str) -> str:
    """The stored layer that a name, or a number from the end such as -1 (the last block), means.

    Raises UnknownName where the model has none, UsageError where it is not stored or several are named.
    """
    from memlab.measures.hidden import choose_layers

    stored = memory.store.layers
    names = choose_layers(words, memory.layers)
    if len(names) != 1:
        raise UsageError(f"--layer is '{words}'; name one: {', '.join(stored)}")
    if names[0] in stored:
        return names[0]
    if words == LAST_BLOCK:
        return stored[-1]
    raise UsageError(
        f"layer '{names[0]}' is not stored, only {', '.join(stored)}; `memlab patterns {memory.run.word} --checkpoint {memory.step}` "
        "stores all of them"
    )


def parse_beta(words: str) -> float | None:
    """β as a number; None for auto. Raises UsageError."""
    try:
        value = None if words == "auto" else float(words)
    except ValueError:
        value = math.nan
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise UsageError(f"--beta is '{words}'; it must be 1 (the paper's), auto (chosen by perplexity), or a positive number")
    return value


def betas_of(seen: Seen, words: str) -> dict[str, float]:
    """β of every stored layer. Raises DataError where it is to be chosen and there is nothing to choose it by."""
    value, layers = parse_beta(words), seen.memory.store.layers
    if value is not None:
        return dict.fromkeys(layers, value)
    if seen.controls is None:
        raise DataError("--beta auto is chosen over held-out text, of which nothing is left that does not stand in training; give a number")
    known = {name: control.beta for name, control in seen.controls.layers.items()}
    return {name: known[name] or 1.0 for name in layers}


def asked(seen: Seen) -> Asked:
    """The passage in words, and how many patterns do not count for it."""
    passage, memory = seen.passage, seen.memory
    excluded = len(memory.store) - len(memory.patterns(memory.store.layers[0], passage))
    return Asked(passage.part, passage.label, passage.note, passage.tokens, excluded)
