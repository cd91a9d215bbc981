"""The associative memory of a run: a checkpoint's model, and the hidden states of its training text as stored patterns.

Needs torch: see `lab.serving`.
"""

import contextlib
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from memlab.errors import DataError, RunError, UsageError
from memlab.home import kept_beside
from memlab.lab.sampling import choose_checkpoint, load_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from memlab.data.rows import RunData
    from memlab.lab.passages import Passage
    from memlab.lab.stages import Kept
    from memlab.memory.rows import Rows
    from memlab.memory.store import PatternStore

POSITIONS, BUDGET, SEED = "all", 250_000_000, 0  # of patterns that are stored because they are asked for


@dataclass(frozen=True)
class Stored:
    """What `store_patterns` made or found: `n_patterns` of the `n_places` that the positions have; the budget left out the rest."""

    step: int
    path: Path
    layers: dict[str, int]
    positions: str
    n_patterns: int
    n_places: int
    n_bytes: int
    seed: int
    was_there: bool

    @property
    def left_out(self) -> int:
        return self.n_places - self.n_patterns


@dataclass(frozen=True)
class Context:
    """A stored pattern in words: the text before its token, the token, the one that followed, and the document they are in."""

    row: int
    document: str
    before: str
    token: str
    next_token: str


@dataclass(frozen=True, eq=False)
class RunMemory:
    """A checkpoint of a run and what it has stored. `store` is None where it is only to be asked for states."""

    run: RunDir
    step: int
    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    data: "RunData"
    context: int
    store: "PatternStore | None" = None
    _scales: dict[str, float] = field(default_factory=dict, init=False)

    @functools.cached_property
    def layers(self) -> list[str]:
        """The layers of the model by name, those stored and those not."""
        from memlab.measures.hidden import layer_names

        return layer_names(self.model)

    def scale(self, layer: str) -> float:
        """The typical distance between neighbouring patterns of a layer, in units of the state."""
        from memlab.memory.radius import typical_distance

        if layer not in self._scales:
            self._scales[layer] = typical_distance(self.store.layer(layer))
        return self._scales[layer]

    def patterns(self, layer: str, passage: "Passage | None" = None) -> "Rows":
        """The stored patterns of a layer that count for a passage: all of them (P, C), or without those of its own document.

        `store_rows` says which rows of the store they are. Raises DataError where none is left.
        """
        from memlab.memory.rows import Subset

        if passage is None or passage.own_document is None:
            return self.store.layer(layer)
        others = self._others(passage.own_document)
        if len(others) == 0:
            raise DataError("all patterns stored are this passage's own, which do not count for it; take another one, or store more")
        return Subset(self.store.layer(layer), others)

    def _others(self, document: int) -> "np.ndarray":
        """The rows of the store that are not of this document."""
        import numpy as np

        return np.flatnonzero(self.store.origins["document"] != document)

    def states(self, ids: "np.ndarray") -> "dict[str, Tensor]":
        """The states of a text (T,) in every stored layer: by name (T, C)."""
        import torch

        from memlab.measures.hidden import hidden_states

        names = self.store.layers if self.store else self.layers
        inputs = torch.from_numpy(ids)[None].to(self.model.device)
        return {name: state[0].cpu() for name, state in hidden_states(self.model, inputs, names).items()}

    def encode(self, text: str) -> "np.ndarray":
        """A text as the model is given it, int64: after a beginning-of-text token where rows are documents. Raises DataError for none."""
        import numpy as np

        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if not ids:
            raise DataError(f"the tokenizer makes no token of {text!r}; give it words")
        begin = [self.tokenizer.bos_token_id] if self.has_documents else []
        return np.array([*begin, *ids], np.int64)

    @property
    def has_documents(self) -> bool:
        """Whether a row of the run is a document, not a window of the stream."""
        return self.run.original().data.rows == "documents"

    def where(self, row: int, n_before: int = 24) -> Context:
        """A stored pattern with at most so many tokens before it."""
        from memlab.lab.predicting import pieces

        origin = self.store.where(row)
        tokens = self.document(origin.document)
        start = max(0, origin.offset - n_before)
        ids = tokens[start : origin.offset + 1].tolist()
        *before, token, after = ["", *pieces(self.tokenizer, [], [*ids, origin.next_token])]
        return Context(row, self.document_name(origin.document), "".join(before), token if ids else "", after)

    def document(self, number: int) -> "np.ndarray":
        """The tokens of a training document, or of canary -1-number."""
        if number < 0:
            return self.data.selection.canaries[-1 - number].tokens
        return self.data.corpus.tokens("train")[number]

    def document_name(self, number: int, part: str = "training") -> str:
        """Where a document came from; of one in which a window begins, where its first tokens did."""
        if number < 0:
            return f"canary {-1 - number}"
        return self.data.corpus.name("train" if part == "training" else "validation", number)


def store_patterns(
    run: RunDir,
    home: Path,
    checkpoint: str = "last",
    layers: str = "all",
    positions: str = POSITIONS,
    budget: int = BUDGET,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress = quiet,
) -> Stored:
    """Store the hidden states of a run's training text as patterns, by layer; found again where they are stored already.

    Within `budget` bytes: beyond it a sample of the positions, drawn by the seed. Interrupted, it goes on where it was.
    Raises RunError where there is no checkpoint yet or its files are damaged, DataError where the run's corpus is not in this home.
    """
    memory = open_model(run, home, checkpoint, device, progress)
    store, was_there = _stored(memory, home, layers, positions, budget, seed, progress)
    n_bytes = sum(file.stat().st_size for file in store.path.iterdir())
    chosen = store.meta["positions"]
    return Stored(
        memory.step, store.path, store.meta["layers"], chosen["which"], len(store), chosen["of"], n_bytes, chosen["seed"], was_there
    )


def open_memory(run: RunDir, home: Path, checkpoint: str = "last", device: str = "auto", progress: Progress = quiet) -> RunMemory:
    """A checkpoint with its stored patterns: those that `memlab patterns` has stored, else every position within BUDGET, stored now.

    Raises what `store_patterns` raises.
    """
    import dataclasses

    memory = open_model(run, home, checkpoint, device, progress)
    store = _found(memory, home) or _stored(memory, home, "all", POSITIONS, BUDGET, SEED, progress)[0]
    return dataclasses.replace(memory, store=store)


def open_model(run: RunDir, home: Path, checkpoint: str = "last", device: str = "auto", progress: Progress = quiet) -> RunMemory:
    """A checkpoint and the run's text, without patterns."""
    from memlab.data.rows import recorded_rows
    from memlab.training.device import choose_device

    step = choose_checkpoint(run, checkpoint)
    run.recorded()  # explains a run without text
    progress("loading the model", 0, None, "")
    data = recorded_rows(home, run)
    model, tokenizer = load_checkpoint(run, step)
    return RunMemory(run, step, model.to(choose_device(device)), tokenizer, data, run.original().model.context)


def has_patterns(memory: RunMemory, home: Path) -> bool:
    """Whether patterns of this very checkpoint are stored."""
    return _found(memory, home) is not None


def kept_memory(run: RunDir, home: Path, kept: "Kept", checkpoint: str = "last", progress: Progress = quiet) -> RunMemory:
    """`open_memory` for a process that answers many requests: anew only for another checkpoint, or where patterns were stored anew."""
    step = choose_checkpoint(run, checkpoint)
    stores = [path / "meta.json" for path in _paths(run, step, home)]
    changed = [path.stat().st_mtime_ns if path.exists() else 0 for path in stores]
    return kept.get("memory", [str(run.path), str(home), step, changed], lambda: open_memory(run, home, str(step), progress=progress))


def store_rows(patterns: "Rows", numbers: "Sequence[int]") -> list[int]:
    """Which rows of the store these rows of `RunMemory.patterns` are."""
    from memlab.memory.rows import Subset

    return [int(patterns.indices[number]) if isinstance(patterns, Subset) else int(number) for number in numbers]


def memory_bytes(words: str) -> int:
    """The bytes that a size such as 4GB or 500MB means. Raises UsageError."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *([kMGT]?)B?", words.strip(), re.IGNORECASE)
    if match is None:
        raise UsageError(f"the budget is '{words}'; give it in bytes, such as 500MB or 4GB")
    return int(float(match[1]) * 1000 ** " KMGT".index(match[2].upper() or " "))


def _stored(
    memory: RunMemory, home: Path, layers: str, positions: str, budget: int, seed: int, progress: Progress
) -> "tuple[PatternStore, bool]":
    """The store of a plan, and whether it was there already."""
    from memlab.measures import hidden, patterns

    names = hidden.choose_layers(layers, memory.layers)
    places = patterns.pattern_places(memory.data, memory.context, positions)
    plan = patterns.plan_of(places, hidden.widths(memory.model, names), positions, budget, seed, _about(memory))
    found = _found(memory, home)
    if found and found.holds(plan):
        return found, True
    path = _paths(memory.run, memory.step, home)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    return patterns.store_patterns(memory.model, places, plan, path, progress), False


def _found(memory: RunMemory, home: Path) -> "PatternStore | None":
    """The store of this very checkpoint, if there is one."""
    from memlab.memory.store import open_store

    for path in _paths(memory.run, memory.step, home):
        with contextlib.suppress(RunError):  # none, or of another version
            store = open_store(path)
            if store.meta["about"] == _about(memory):
                return store
    return None


def _paths(run: RunDir, step: int, home: Path) -> list[Path]:
    return [place / "patterns" / f"step-{step:06d}" for place in kept_beside(home, run)]


def _about(memory: RunMemory) -> dict[str, str | int]:
    """What the states come from: weights and text."""
    from memlab.training import checkpoints

    weights = checkpoints.fingerprint(checkpoints.path_of(memory.run.checkpoints, memory.step))
    return {"step": memory.step, "weights": weights, "corpus": memory.data.corpus.fingerprint}
