"""Radii: how far apart the last-layer activations of a run or of any model lie, beside what theory and chance give (experiment E6).

Needs torch: see `lab.serving`.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab import config, registry
from memlab.errors import ConfigError, UnknownName, UsageError, did_you_mean
from memlab.home import find_run, runs_of
from memlab.lab.measured import kept, weights_and_text
from memlab.lab.remembering import RunMemory, open_memory, open_model
from memlab.lab.sampling import choose_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from memlab.measures.spread import Apart

STORED = "stored"
EXACT_UP_TO = 50_000  # vectors, each of which is asked for its nearest other: some minutes on two cores at width 1,024

_SOURCE = "installed_docs"
CONTEXT = 256  # tokens of a chunk, as in the paper
_AS_MANY = 4  # times the chunks needed are cut, so that a sample is not only the beginning of a text
_FORMAT = 2  # raise it whenever the same wishes would give other numbers


@dataclass(frozen=True)
class Wishes:
    """Which vectors: at most `vectors` of a `layer` at `positions` (last, all, every:8; of a run also stored), drawn by the seed.

    `approximate`: through faiss; None where there are more than EXACT_UP_TO vectors, no GPU searches them, and faiss is installed.
    """

    layer: str = "norm"
    vectors: int = 2000
    positions: str = "last"
    part: str = "training"
    seed: int = 0
    approximate: bool | None = None

    def __post_init__(self) -> None:
        if self.vectors < 8:
            raise UsageError(f"--vectors is {self.vectors}; it must be at least 8, of which 25 % are a pair")
        if self.seed < 0:
            raise UsageError(f"--seed is {self.seed}; it must be at least 0")
        if self.part not in ("training", "validation"):
            raise UsageError(f"--part is '{self.part}'; it must be training or validation")
        if self.part == "validation" and self.positions == STORED:
            raise UsageError("--positions stored are of training text only; give --part validation with last, all or every:8")


@dataclass(frozen=True)
class Text:
    """Text that a model reads: documents of a `source` with its options, in chunks of `context` tokens (0: 256, or what the model sees).

    An empty source is the usual one.
    """

    source: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    context: int = 0

    @property
    def plugin(self) -> str:
        return self.source or _SOURCE

    @property
    def label(self) -> str:
        return " ".join([self.plugin, *(f"{key}={value}" for key, value in self.options)])


@dataclass(frozen=True)
class Radius:
    """The spread of vectors of one layer `of` a run or a model; the names of `measures.spread.Spread` are here too.

    `n_dimensions` is the width of the vectors. Of `n_places` positions in `text`, in rows of `context` tokens (0: documents), `n_vectors`
    were drawn by the seed.
    """

    of: str
    layer: str
    layer_words: str
    n_dimensions: int
    text: str
    positions: str
    context: int
    n_vectors: int
    n_places: int
    seed: int
    edges: list[float]
    measured: "list[Apart]"
    null: "list[Apart]"
    n_draws: int
    null_range: list[float]
    stated_radius: float
    unit_radius: float
    log_partition: float
    recall: dict[str, float] | None


@dataclass(frozen=True, eq=False)
class _Vectors:
    """Vectors (P, C) of a layer and where they are from."""

    states: "Tensor"
    layer: str
    text: str
    context: int
    n_places: int


def radius(
    word: str,
    home: Path,
    wishes: Wishes,
    text: Text | None = None,
    checkpoint: str = "last",
    device: str = "auto",
    progress: Progress = quiet,
) -> Radius:
    """The distances between the vectors of a run's training text, or of a text read by a run or by any model.

    `word` is a run, the directory of a model, or a model's name on the Hugging Face Hub, in this order. What is measured of a run's own
    text is kept beside it. Raises UnknownName for a word that is none of these, ConfigError for a model that cannot be read, DataError
    where there are too few vectors.
    """
    run = _run(word, home)
    if run is None:
        if (checkpoint, wishes.part) != ("last", "training") or wishes.positions == STORED:
            raise UsageError("--checkpoint, --part and --positions stored are of a run; for a model give its directory and a text")
        return _of_model(word, home, wishes, text or Text(), device, progress)
    if text is not None:
        _check_other_text(wishes, text)
        memory = open_model(run, home, checkpoint, device, progress)
        vectors = _read(memory.model, memory.tokenizer, memory.context, wishes, text, progress)
        return _measured(_named(memory), memory.model, vectors, wishes, progress)
    step, open_it = choose_checkpoint(run, checkpoint), open_memory if wishes.positions == STORED else open_model
    depends_on = {**weights_and_text(run, step), "wishes": asdict(wishes), "format": _FORMAT}
    if wishes.positions == STORED:  # which of them there are decides too
        memory = open_memory(run, home, str(step), device, progress)
        depends_on["patterns"] = memory.store.meta

    def measure() -> dict[str, Any]:
        memory = open_it(run, home, str(step), device, progress)
        vectors = (_stored if wishes.positions == STORED else _own)(memory, wishes, progress)
        return asdict(_measured(_named(memory), memory.model, vectors, wishes, progress))

    return _from_plain(kept(run, home, "radius", step, depends_on, measure))


def text_of(source: str, files: Sequence[Path], assignments: Sequence[str], context: int) -> Text | None:
    """The text that the flags ask for; None where they ask for none. Raises ConfigError for a source or a setting that does not exist."""
    if files and (source or assignments):
        raise UsageError("--file is text by itself; leave out --source and --set, or give --source files --set path=…")
    if context and context < 2:
        raise UsageError(f"--context is {context}; it must be at least 2")
    if files:
        text = Text("files", (("path", tuple(str(path) for path in files)),), context)
    elif source or assignments or context:
        given = config.parse_assignments(assignments)
        table = {key.removeprefix("data.").removeprefix("source_options."): value for key, value in given.items()}
        text = Text(source or (_SOURCE if assignments else ""), tuple(table.items()), context)
    else:
        return None
    _options(text)
    return text


def _run(word: str, home: Path) -> RunDir | None:
    """The run that a word means; None where it is a model's directory, or may be its name on the Hub."""
    from memlab.models.outside import is_model

    if is_model(Path(os.path.expanduser(word))):
        return None
    try:
        return find_run(home, word)
    except UnknownName:
        if word == "last" or word.startswith((".", "~", os.sep)):
            raise
        return None


def _nearest_run(word: str, home: Path) -> str:
    """`; did you mean 'demo-1'?` where a run has a name like that."""
    advice = did_you_mean(word, [run.name for run in runs_of(home)])
    return advice if advice.startswith("; did") else ""


def _check_other_text(wishes: Wishes, text: Text) -> None:
    """Raise UsageError for wishes that go with a run's own text only, or with another text only."""
    if not text.source:
        raise UsageError("--context is of text from --source or --file; rows of a run's own text are as long as in training")
    if wishes.part != "training" or wishes.positions == STORED:
        raise UsageError("--part and --positions stored are of the run's own text; leave out --source and --file")


def _of_model(name: str, home: Path, wishes: Wishes, text: Text, device: str, progress: Progress) -> Radius:
    from memlab.models.outside import open_outside
    from memlab.training.device import choose_device

    progress("loading the model", 0, None, "")
    try:
        found = open_outside(name)
    except ConfigError as error:
        raise ConfigError(f"{error}{_nearest_run(name, home)}") from None
    model = found.model.to(choose_device(device))
    return _measured(name, model, _read(model, found.tokenizer, found.context, wishes, text, progress), wishes, progress)


def _own(memory: RunMemory, wishes: Wishes, progress: Progress) -> _Vectors:
    """States of a run's own text, computed."""
    from memlab.measures.patterns import collect_states, pattern_places
    from memlab.memory.store import sample_rows

    layer = _layer(memory.model, wishes.layer)
    data = replace(memory.data, train=memory.data.validation) if wishes.part == "validation" else memory.data
    places = pattern_places(data, memory.context, wishes.positions)
    numbers = sample_rows(len(places), wishes.vectors, wishes.seed)
    states = collect_states(memory.model, places, numbers, [layer], progress).by_layer[layer]
    text = f"the run's {'training' if wishes.part == 'training' else 'held-out'} text"
    return _Vectors(states, layer, text, places.context, len(places))


def _stored(memory: RunMemory, wishes: Wishes, progress: Progress) -> _Vectors:
    """Patterns that a run has stored."""
    import torch

    from memlab.memory.rows import take
    from memlab.memory.store import sample_rows

    layer, how = _layer(memory.model, wishes.layer), memory.store.meta["positions"]
    patterns = memory.store.layer(layer)
    states = take(patterns, torch.from_numpy(sample_rows(len(patterns), wishes.vectors, wishes.seed))).float()
    return _Vectors(states, layer, f"the patterns stored of the run's training text ({how['which']})", how["context"], len(patterns))


def _read(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", longest: int, wishes: Wishes, text: Text, progress: Progress
) -> _Vectors:
    """States of a text cut into chunks."""
    from memlab.measures.chunks import chunk_states, cut_chunks
    from memlab.measures.places import parse_positions

    if text.context > longest > 0:
        raise UsageError(f"--context is {text.context}, but the model sees {longest} tokens; choose at most as many")
    context = text.context or min(CONTEXT, longest or CONTEXT)
    layer, positions = _layer(model, wishes.layer), parse_positions(wishes.positions)
    source, options = registry.load("source", text.plugin), _options(text)
    if hasattr(source, "fetch"):
        source.fetch(options, progress)
    each = 1 if wishes.positions == "last" else max(1, context // int(wishes.positions.partition(":")[2] or 1))
    n_chunks = _AS_MANY * -(-wishes.vectors // each)
    chunks = cut_chunks(source.documents(options), tokenizer, context, n_chunks, progress)
    states, n_places = chunk_states(model, chunks, positions, layer, wishes.vectors, wishes.seed, progress)
    return _Vectors(states, layer, f"the first {len(chunks):,} chunks of {text.label}", context, n_places)


def _measured(of: str, model: "PreTrainedModel", vectors: _Vectors, wishes: Wishes, progress: Progress) -> Radius:
    from memlab.measures.hidden import describe_layer, layer_names
    from memlab.measures.spread import spread
    from memlab.memory.approximate import is_installed

    states = vectors.states.to(model.device) if model.device.type == "cuda" else vectors.states
    n, width = states.shape
    is_large = n > EXACT_UP_TO and states.device.type == "cpu" and is_installed()
    found = spread(states, wishes.seed, is_large if wishes.approximate is None else wishes.approximate, progress)
    words = describe_layer(vectors.layer, layer_names(model))
    about = (of, vectors.layer, words, width, vectors.text, wishes.positions, vectors.context, n, vectors.n_places, wishes.seed)
    return Radius(*about, **vars(found))


def _layer(model: "PreTrainedModel", words: str) -> str:
    """One layer by name; norm is the last block where nothing normalises it afterwards."""
    from memlab.measures.hidden import NORM, choose_layers, layer_names

    names = layer_names(model)
    chosen = [names[-1]] if words == NORM else choose_layers(words, names)
    if len(chosen) != 1:
        raise UsageError(f"--layer is '{words}'; give one layer, such as {names[-1]} or -1")
    return chosen[0]


def _options(text: Text) -> Any:
    return config.build_options(registry.load("source", text.plugin).Options, dict(text.options), "data.source_options")


def _named(memory: RunMemory) -> str:
    return f"{memory.run.name}, step {memory.step:,}"


def _from_plain(table: dict[str, Any]) -> Radius:
    from memlab.measures.spread import Apart

    return Radius(**{**table, **{name: [Apart(**one) for one in table[name]] for name in ("measured", "null")}})
