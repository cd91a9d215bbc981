"""What a run is compared with: the exact distribution of its text, a run trained on other text, or a trigram model of other text.

Needs torch: see `lab.serving`.
"""

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab import config, registry
from memlab.errors import DataError, MemlabError, RunError, UnknownName, UsageError
from memlab.home import find_run, runs_of
from memlab.lab.remembering import RunMemory, open_model
from memlab.lab.sampling import choose_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    import numpy as np

    from memlab.data.parts import AnyPart
    from memlab.measures.references import Reference
    from memlab.measures.references.exact import ExactReference, NextWords
    from memlab.measures.references.ngram import NgramReference, Trigram
    from memlab.measures.references.trained import ModelReference

AUTO, EXACT, NGRAM = "auto", "exact", "ngram"
_COUNTED = 5_000_000  # tokens that a trigram model is made from at most: some seconds, and about 0.5 GB


def reference_of(memory: RunMemory, home: Path, choice: str = AUTO, device: str = "auto", progress: Progress = quiet) -> "Reference":
    """What a run is compared with: `exact`, `ngram`, the name of another run, or `auto`, the first of these that there is.

    auto: the exact distribution where the source knows it, else a run that was trained as this one's reference, else a trigram model.
    Raises UnknownName for a run that there is not, UsageError for one that cannot serve or a distribution that is not known, DataError
    where there is no text for a trigram model.
    """
    if choice == EXACT:
        return exact(memory)
    if choice == NGRAM:
        return ngram(memory, progress)
    if choice != AUTO:
        return trained(memory, find_run(home, choice), home, device, progress)
    if _why_not_exact(memory.run.original().data) is None:
        return exact(memory)
    left_out = ""
    for run in reversed(made_for(memory.run, home)):
        try:
            found = trained(memory, run, home, device, progress)
        except MemlabError as error:  # not trained yet, or on another text: the next one may do
            left_out += f" ({run.name} was made for this, but cannot serve: {error})"
            continue
        if not found.identity["shared"]:
            return found
        left_out += f" ({run.name} was made for this, but shares documents with it)"
    found = ngram(memory, progress)
    return dataclasses.replace(found, words=found.words + left_out)


def made_for(run: RunDir, home: Path) -> list[RunDir]:
    """The runs under the home that say of themselves that they are references of a run, the oldest first."""
    found = []
    for other in runs_of(home):
        with contextlib.suppress(RunError):  # of another version
            if other.original().data.reference_of == run.name and other.path != run.path:
                found.append(other)
    return found


def exact(memory: RunMemory) -> "ExactReference":
    """The distribution that the source draws from, of training and of held-out text each its own where repeats are left out.

    Raises UsageError where it is not known.
    """
    from memlab.measures.references.exact import ExactReference

    data = memory.run.original().data
    if why_not := _why_not_exact(data):
        raise UsageError(f"there is no exact reference for run '{memory.run.name}': {why_not}; take auto, ngram or the name of a run")
    source = registry.load("source", data.source)
    options = config.build_options(source.Options, data.source_options, "data.source_options")
    words = f"the exact distribution that {data.source} draws its words from, each given those before it"
    identity: dict[str, Any] = {"kind": EXACT, "source": source.fingerprint(options)}
    of_part: dict[AnyPart, NextWords] = {}
    if hasattr(source, "unrepeated"):
        span = memory.data.selection.span
        words += ", repeats left out (but of text that you give)"
        identity["unrepeated"] = [*span]
        of_part = {
            "training": source.unrepeated(options, "train", *span).next_words,
            "validation": source.unrepeated(options, "validation").next_words,
        }
    return ExactReference(lambda prefix: source.next_words(prefix, options), memory.tokenizer, words, identity, of_part=of_part)


def trained(memory: RunMemory, run: RunDir, home: Path, device: str = "auto", progress: Progress = quiet) -> "ModelReference":
    """The best checkpoint of another run. Raises UsageError where its tokens are others, or its rows shorter or of another kind."""
    from memlab.measures.references.trained import ModelReference
    from memlab.training import checkpoints

    if run.path.resolve() == memory.run.path.resolve():
        raise UsageError(f"run '{run.name}' is no reference for itself; `memlab train --reference {run.word}` trains one on other text")
    step, which = _best(run)
    other = open_model(run, home, str(step), device, progress)
    _check_alike(memory, other)
    shared = _shared(memory, other)
    identity = {
        "kind": "run",
        "run": run.name,
        "weights": checkpoints.fingerprint(checkpoints.path_of(run.checkpoints, step)),
        "shared": shared,
    }
    mine, its = memory.run.original().model, run.original().model
    model = "the same model" if mine == its else f"a model of another size, {its.family} {its.size},"
    words = f"{run.name} at step {step:,} ({which}): {model} trained on {other.data.selection.n_tokens:,} tokens "
    if shared:
        words += f"that share {shared:,} documents with {memory.run.name}'s: what both know by heart counts as predictable"
    else:
        words += f"of documents that {memory.run.name} does not see"
    return ModelReference(other.model, words, identity)


def ngram(memory: RunMemory, progress: Progress = quiet) -> "NgramReference":
    """A trigram model of training text that the run does not see; where that is less, of the half of the held-out text not asked about."""
    from memlab.measures.references.ngram import VERSION, NgramReference

    progress("counting trigrams", 0, None, "")
    data = memory.data
    unseen = data.selection.unseen()
    lengths = _lengths(data.selection.tokens, unseen)
    held_out = int(data.corpus.tokens("validation").ends[-1])
    about = {"kind": NGRAM, "version": VERSION}
    if lengths.sum() >= max(held_out // 2, 2):
        model = _count(memory, _pieces_of_documents(memory, unseen, lengths))
        words = f"{_described(model)} of training text that {memory.run.name} does not see"
        return NgramReference(model, words, {**about, "text": "training", "n_tokens": model.n_tokens})
    turn, halves = _halves(memory)
    first, second = (_count(memory, half) for half in halves)
    words = f"{_described(first)} of held-out text, always of the half that is not asked about, for {memory.run.name} sees all other text"
    return NgramReference(first, words, {**about, "text": "held-out", "n_tokens": first.n_tokens}, second, turn)


def _described(model: "Trigram") -> str:
    return f"a trigram model (interpolated, Witten-Bell), {model.n_counts:,} counts in {model.n_tokens:,} tokens"


def _why_not_exact(data: config.Data) -> str | None:
    """Why the distribution of each next token is not known; None where it is."""
    if not hasattr(registry.load("source", data.source), "next_words"):
        return f"source '{data.source}' does not know the distribution of its text"
    if data.tokenizer != "word":
        return f"the distribution of {data.source} is one over words, and the tokenizer is '{data.tokenizer}'"
    if data.rows != "documents":
        return f"the distribution of {data.source} is one over documents, and rows are windows (data.rows)"
    return None


def _best(run: RunDir) -> tuple[int, str]:
    """The step with the lowest validation loss, else the last one: a model that overfits predicts other text badly."""
    with contextlib.suppress(UnknownName):
        return choose_checkpoint(run, "best"), "its best"
    return choose_checkpoint(run, "last"), "its last"


def _check_alike(memory: RunMemory, other: RunMemory) -> None:
    """Raise UsageError unless the other model can be asked the same questions."""
    name, mine = other.run.name, memory.run.name
    if other.data.corpus.fingerprint != memory.data.corpus.fingerprint:
        raise UsageError(f"run '{name}' is no reference for '{mine}': its corpus is another, with other tokens")
    if other.has_documents != memory.has_documents:
        raise UsageError(f"run '{name}' is no reference for '{mine}': its rows are {other.run.original().data.rows}")
    if other.context < memory.context:
        raise UsageError(f"run '{name}' is no reference for '{mine}': it sees {other.context} tokens at once, not {memory.context}")


def _shared(memory: RunMemory, other: RunMemory) -> int:
    """How many training documents both runs have."""
    import numpy as np

    mine, its = (np.asarray(one.data.selection.documents, np.int64) for one in (memory, other))
    return len(np.intersect1d(mine[mine >= 0], its[its >= 0]))


def _count(memory: RunMemory, pieces: "list[np.ndarray]") -> "Trigram":
    from memlab.measures.references import ngram as measure

    return measure.count(pieces, memory.data.corpus.vocab_size)


def _lengths(tokens, documents: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.diff(tokens.ends, prepend=0)[documents]


def _pieces_of_documents(memory: RunMemory, documents: "np.ndarray", lengths: "np.ndarray") -> "list[np.ndarray]":
    """The first of some training documents, as many as are counted: each by itself, or end to end where rows are windows."""
    import numpy as np

    from memlab.data.rows import Stream

    ends = np.cumsum(lengths)
    kept = documents[: int(np.searchsorted(ends, _COUNTED)) + 1]
    if memory.has_documents:
        return [_begun(memory, memory.document(int(number))) for number in kept]
    n_tokens = min(int(ends[-1]), _COUNTED)
    chosen = dataclasses.replace(memory.data.selection, documents=kept, canaries=(), n_tokens=n_tokens)
    return [Stream(chosen)[:]]


def _halves(memory: RunMemory) -> "tuple[int, tuple[list[np.ndarray], list[np.ndarray]]]":
    """The row at which the held-out text is divided, and the text before it and that from it on, at most so much as is counted.

    The last token that a window before the turn predicts is the first one of the window at it: it belongs to neither's model.
    """
    rows = memory.data.validation
    if memory.has_documents:
        turn = len(rows) // 2
        parts = [range(turn), range(turn, len(rows))]
        halves = tuple([_begun(memory, rows.document(number)) for number in part] for part in parts)
    else:
        turn = (len(rows.stream) - 1) // memory.context // 2
        middle = turn * memory.context
        halves = [rows.stream[max(0, middle - _COUNTED) : middle]], [rows.stream[middle + 1 : middle + 1 + _COUNTED]]
    if turn == 0 or not all(any(len(piece) > 1 for piece in half) for half in halves):
        raise DataError(
            f"run '{memory.run.name}' sees all of the training text and its held-out text is one row, too little for a trigram model; "
            f"train a smaller fraction, or name a run as reference"
        )
    return turn, halves


def _begun(memory: RunMemory, tokens: "np.ndarray") -> "np.ndarray":
    """A document after its beginning-of-text token."""
    import numpy as np

    return np.concatenate([[memory.tokenizer.bos_token_id], tokens])
