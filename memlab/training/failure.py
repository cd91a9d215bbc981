"""Failures that are nobody's bug, in one line with the next move: a library that is missing, memory that is used up. Imports no torch."""

import os

from memlab.config import Experiment
from memlab.errors import MemlabError, TrainingError

_LOST = ("gloo/", "NCCL error", "Connection closed by peer", "Connection reset by peer")
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


class PeerFailedError(Exception):
    """Raised in every other process of a run where the one that leads has failed or stops: it says why, they only leave."""


def explain(error: Exception, experiment: Experiment | None = None) -> MemlabError | None:
    """The failure as an error of memlab's; None for one that is not known. `experiment` is what the memory was needed for."""
    if isinstance(error, ImportError) and not (error.name or "").startswith("memlab"):
        return MemlabError(f"a library cannot be imported: {error}; `memlab doctor` says which ones are missing and how to get them")
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY):
        return TrainingError(_memory_advice(experiment))
    if "RANK" in os.environ and any(words in str(error) for words in _LOST):
        return TrainingError(
            f"process {os.environ['RANK']} has lost the others of this run: one of them ended; the log says which, and why"
        )
    return None


def _memory_advice(experiment: Experiment | None) -> str:
    if experiment is None:
        return "out of memory; close other programs, or use a smaller model"
    train, model = experiment.train, experiment.model
    return (
        f"out of memory with train.batch {train.batch}, train.accumulate {train.accumulate}, model.context {model.context} "
        f"and size '{model.size}'; raise train.accumulate (it must divide the batch), or take a smaller batch, context or size"
    )
