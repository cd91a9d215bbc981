"""Passages: the texts that a memory is asked with, given by a person or taken from the run's own training or held-out text."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memlab.data.parts import AnyPart, Part
from memlab.errors import UsageError
from memlab.lab.remembering import RunMemory

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Passage:
    """A text as the model is given it: `ids` (T,) and the true token `after` it, -1 where none is known.

    `tokens` is what each id adds to the text. `note` says how it was made comparable. `own_document` is the document whose patterns do
    not count, for they are this passage's own; None where all count.
    """

    part: AnyPart
    label: str
    ids: "np.ndarray"
    after: int
    tokens: list[str]
    note: str = ""
    own_document: int | None = None

    def position(self, number: int) -> int:
        """A position, from 0 or from the end (-1 is the last). Raises UsageError where there is none."""
        if not -len(self.ids) <= number < len(self.ids):
            raise UsageError(
                f"position {number} is not in the text; it has {len(self.ids)}, numbered from 0, or from the end: -1 is the last"
            )
        return number % len(self.ids)


def given(memory: RunMemory, text: str) -> Passage:
    """A person's text; of a long one the end, as much as the model can see. Raises DataError where there is no token in it."""
    ids = memory.encode(text)
    cut = max(0, len(ids) - memory.context)
    if cut:  # a document still begins with its beginning-of-text token
        ids = ids[cut:] if not memory.has_documents else ids[[0, *range(cut + 1, len(ids))]]
    note = f"the first {cut:,} tokens were cut off: the model sees {memory.context:,}" if cut else ""
    return Passage("given", "the text given", ids, -1, _pieces(memory, ids), note)


def of_data(memory: RunMemory, part: Part, number: int) -> Passage:
    """Row `number` of the run's training or validation text.

    A window loses its first tokens, for else a training window would find itself: its states then come after another beginning than
    the stored ones do. Of a training document, which has one beginning only, the own patterns do not count.
    """
    rows = memory.data.rows(part)
    if memory.has_documents:
        n_rows = len(rows)
        _check_row(part, number, n_rows)
        inputs, targets = rows.take(_one(number))
        document, _ = rows.origin(number)
        name = memory.document_name(document, part)
        own, note = (document, "its own patterns do not count, for it would find itself") if part == "training" else (None, "")
        return Passage(part, name, inputs[0], int(targets[0, -1]), _pieces(memory, inputs[0]), note, own)
    from memlab.measures.queries import shift_of

    shift, stream = shift_of(memory.context), rows.stream
    n_rows = (len(stream) - 1) // memory.context
    _check_row(part, number, n_rows)
    start = number * memory.context + shift
    window = stream[start : (number + 1) * memory.context + 1]
    documents, _ = stream.locate(_one(start))
    name = memory.document_name(int(documents[0]), part)
    note = f"window {number:,} without its first {shift} tokens, so that it does not find itself" if part == "training" else ""
    return Passage(part, name, window[:-1], int(window[-1]), _pieces(memory, window[:-1]), note)


def _check_row(part: str, number: int, n_rows: int) -> None:
    if not 0 <= number < n_rows:
        raise UsageError(f"there is no {part} passage {number:,}; there are {n_rows:,}, numbered from 0")


def _one(number: int) -> "np.ndarray":
    import numpy as np

    return np.array([number])


def _pieces(memory: RunMemory, ids: "np.ndarray") -> list[str]:
    """What each token adds to the text; nothing for the beginning-of-text token."""
    from memlab.lab.predicting import pieces

    special = {memory.tokenizer.bos_token_id} if memory.has_documents else set()
    begin = [""] * int(int(ids[0]) in special)
    return begin + pieces(memory.tokenizer, [], ids[len(begin) :].tolist())
