"""One memory asked again and again, as on the screen: what only another text, checkpoint or β changes is kept between two requests.

Needs torch: see `lab.serving`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.lab.inspecting import inspect_state, layer_map
from memlab.lab.questions import LAST_BLOCK, Question, asked, see
from memlab.lab.remembering import RunMemory, kept_memory
from memlab.progress import Progress
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.lab.stages import Kept

_TEXTS = 4  # that are kept at once
_AROUND = 400  # tokens of a document to either side of a pattern


@dataclass(frozen=True)
class Wish:
    """What is to be shown: a text, the place in it, and how. `position` counts from 0, or from the end; one beyond the text is its last."""

    question: Question = Question("training")
    checkpoint: str = "last"
    layer: str = LAST_BLOCK
    position: int = -1
    beta: str = "1"
    steps: int = 0
    k: int = 32

    @classmethod
    def from_plain(cls, table: dict[str, Any]) -> "Wish":
        """The wish that `asdict` made plain."""
        return cls(**{**table, "question": Question(**table["question"])})


def attractor(
    run: RunDir, home: Path, wish: Wish, kept: "Kept", found: Callable[[dict[str, Any]], None], progress: Progress
) -> dict[str, Any]:
    """An inspection as plain values; its text and map (`asked`, `map`, with the `step` and all of `steps_there`) are `found` before it.

    Raises what `inspecting.inspect` raises.
    """
    from memlab.lab.over_training import checkpoints_of

    memory = kept_memory(run, home, kept, wish.checkpoint, progress)
    key = [str(run.path), memory.step, id(memory), asdict(wish.question)]
    seen = kept.get("seen", key, lambda: see(memory, wish.question, progress), _TEXTS)
    drawn = kept.get("map", [*key, wish.beta], lambda: asdict(layer_map(seen, wish.beta, progress)), _TEXTS)
    found({"asked": asdict(asked(seen)), "map": drawn, "step": memory.step, "steps_there": checkpoints_of(run)})
    n = len(seen.passage.ids)
    position = max(-n, min(wish.position, n - 1))
    return asdict(inspect_state(seen, wish.layer, position, wish.beta, min(wish.k, len(memory.store)), wish.steps, progress))


def passage_around(memory: RunMemory, row: int) -> dict[str, Any]:
    """The document that a stored pattern is of: `before` its token, the `token`, what comes `after`, at most 400 tokens to either side."""
    origin = memory.store.where(row)
    tokens = memory.document(origin.document)
    start, end = max(0, origin.offset - _AROUND), origin.offset + 1 + _AROUND
    ends = (max(origin.offset, 0), origin.offset + 1, end)
    before, with_token, whole = (memory.tokenizer.decode(tokens[start:stop].tolist(), clean_up_tokenization_spaces=False) for stop in ends)
    return {
        "row": row,
        "document": memory.document_name(origin.document),
        "offset": origin.offset,
        "n_tokens": len(tokens),
        "is_cut": [start > 0, end < len(tokens)],
        "before": before,
        "token": with_token.removeprefix(before),
        "after": whole.removeprefix(with_token),
    }
