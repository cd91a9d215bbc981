"""The passages of one run, ranked by how far they are memorised, and read token by token again and again, as on the screen.

Needs torch: see `lab.serving`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.lab import measured
from memlab.lab.memorized import SEED, N, examine
from memlab.lab.over_training import checkpoints_of
from memlab.lab.questions import Question
from memlab.lab.references import made_for, reference_of
from memlab.lab.remembering import RunMemory, open_model
from memlab.lab.sampling import choose_checkpoint
from memlab.lab.tokens import tokens
from memlab.progress import Progress
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.lab.stages import Kept

_RANKING = 1  # of what is kept; raised whenever passages are ranked otherwise
_CHECKPOINTS = 2  # whose models are kept open


def read_often(
    run: RunDir, home: Path, question: Question | None, checkpoint: str, ranked: bool, kept: "Kept", progress: Progress
) -> Iterator[dict[str, Any]]:
    """Plain values, each as soon as it is known: a `passage` read token by token and, where it is wanted (`ranked`), the `ranking` of all.

    Without a question the ranking comes first in any case, and the passage is the first of it. Raises what `examine` and `tokens` raise.
    """
    step = choose_checkpoint(run, checkpoint)
    if question is None:
        ranking = _ranking(run, home, step, progress)
        yield {"ranking": ranking}
        best = Question("training", number=ranking["training"][0]["row"])
        yield {"passage": _passage(run, home, best, step, kept, progress)}
        return
    yield {"passage": _passage(run, home, question, step, kept, progress)}
    if ranked:
        yield {"ranking": _ranking(run, home, step, progress)}


def _ranking(run: RunDir, home: Path, step: int, progress: Progress) -> dict[str, Any]:
    """`examine` without measures and bits, kept beside the run."""
    about = {"ranking": _RANKING, "n": N, "seed": SEED, **measured.weights_and_text(run, step)}

    def rank() -> dict[str, Any]:
        return asdict(examine(run, home, str(step), [], progress=progress, reference=None))

    return measured.kept(run, home, "ranking", step, about, rank)


def _passage(run: RunDir, home: Path, question: Question, step: int, kept: "Kept", progress: Progress) -> dict[str, Any]:
    """`tokens` with the `steps_there`, and at which position of the passage that patterns are asked with (`lab.passages`) its `first` is.

    That is below 0 where that passage begins later.
    """
    key = [str(run.path), str(home), step]
    memory = kept.get("read", key, lambda: open_model(run, home, str(step), progress=progress), _CHECKPOINTS)
    others = [[other.name, checkpoints_of(other)] for other in made_for(run, home)]
    reference = kept.get("reference", [*key, others], lambda: reference_of(memory, home, progress=progress), _CHECKPOINTS)
    found = asdict(tokens(memory, home, question, reference=reference, progress=progress))
    return {**found, "question": asdict(question), "steps_there": checkpoints_of(run), "first": _first(memory, question)}


def _first(memory: RunMemory, question: Question) -> int:
    from memlab.measures.queries import shift_of

    if memory.has_documents:
        return 1  # after the beginning-of-text token
    return 0 if question.part == "given" else -shift_of(memory.context)
