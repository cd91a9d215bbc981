"""A corpus: the tokens of all documents on disk, by split, built where a home does not have it yet, and found again."""

import functools
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from memlab import config, registry
from memlab.data.building import Build, Recipe
from memlab.data.ragged import Ragged
from memlab.errors import DataError
from memlab.files import lock, read_json
from memlab.home import home_of
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

_WAIT_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class Corpus:
    """A finished corpus: per split one ragged array of token ids (each document ends in the end-of-text token) and one of names."""

    path: Path
    meta: dict[str, Any] = field(repr=False)
    _opened: dict[str, Ragged] = field(default_factory=dict, init=False, repr=False)

    @functools.cached_property
    def tokenizer(self):
        """The transformers tokenizer. Raises DataError where its files are damaged."""
        from transformers import PreTrainedTokenizerFast

        try:
            return PreTrainedTokenizerFast.from_pretrained(self.path / "tokenizer")
        except Exception as error:  # tokenizers raises nothing narrower for a damaged file
            raise DataError(f"{self.path / 'tokenizer'} cannot be loaded: {error}; remove {self.path}, and it is built anew") from error

    @property
    def vocab_size(self) -> int:
        return self.meta["vocab_size"]

    @property
    def fingerprint(self) -> str:
        """A hash of the name, the length and every token of every split."""
        return self.meta["content"]

    def splits(self) -> dict[str, dict[str, int]]:
        """Documents, tokens and characters of each split."""
        return self.meta["splits"]

    def tokens(self, split: str) -> Ragged:
        """The token ids of a split, memory-mapped, a document a list."""
        if split not in self.splits():
            raise DataError(f"the corpus has no split '{split}'; there are: {', '.join(self.splits())}")
        return self._open(split, self.meta["dtype"])

    def name(self, split: str, document: int) -> str:
        """Where a document came from."""
        return bytes(self._open(f"{split}.names", "uint8")[document]).decode()

    def _open(self, name: str, dtype: str) -> Ragged:
        if name not in self._opened:
            self._opened[name] = Ragged(self.path / name, np.dtype(dtype))
        return self._opened[name]

    def text(self, split: str, document: int) -> str:
        """A document's text, from its tokens, without the end-of-text token."""
        return self.decode(self.tokens(split)[document][:-1])

    def decode(self, ids: Iterable[int]) -> str:
        return self.tokenizer.decode([int(i) for i in ids], clean_up_tokenization_spaces=False)


def recipe_of(data: config.Data, progress: Progress = quiet) -> tuple[Recipe, ModuleType, Any]:
    """The recipe of the corpus that a configuration asks for, with its source module and that module's checked options.

    A source or tokenizer that comes from elsewhere is fetched first.
    """
    source = registry.load("source", data.source)
    options = config.build_options(source.Options, data.source_options, "data.source_options")
    tokenizer = registry.load("tokenizer", data.tokenizer)
    tokenizer_options = config.build_options(tokenizer.Options, data.tokenizer_options, "data.tokenizer_options")
    fingerprints = [tokenizer.fingerprint(tokenizer_options)] if hasattr(tokenizer, "fingerprint") else []
    if hasattr(source, "fetch"):
        source.fetch(options, progress)
    recipe = Recipe(
        source=data.source,
        source_options=asdict(options),
        fingerprint="+".join([source.fingerprint(options), *fingerprints]),
        tokenizer=data.tokenizer,
        tokenizer_options=asdict(tokenizer_options),
        validation=data.validation,
        seed=data.seed,
    )
    return recipe, source, options


def open_corpus(home: Path, data: config.Data, progress: Progress = quiet) -> Corpus:
    """The corpus that `data` asks for, built first if this home does not have it. One process builds, others wait for it."""
    recipe, source, options = recipe_of(data, progress)
    path = home / "corpora" / recipe.folder
    while not (path / "meta.json").exists():
        with lock(path.with_name(f".{path.name}.lock"), wait=False) as held:
            if held and not (path / "meta.json").exists():
                Build(path, recipe, source, options, progress).run()
        if not held:
            progress("waiting for another process that builds this corpus", 0, None, "")
            time.sleep(_WAIT_SECONDS)  # not for the lock: whoever asks this process to stop is heard in between
    return Corpus(path, read_json(path / "meta.json"))


def open_recorded(home: Path, run: RunDir) -> Corpus:
    """The corpus that a run was trained on, of the home that the run lies in, or else of `home`.

    Raises RunError where the run has not recorded it yet, DataError where it is gone or not the same.
    """
    recorded = run.recorded()
    folder, content = home_of(home, run) / "corpora", recorded["content"]
    path = folder / recorded["corpus"]
    if path.parent != folder or not (path / "meta.json").exists():
        raise DataError(f"the corpus of this run, {path}, is not there; copy it from the machine that the run was trained on")
    corpus = Corpus(path, read_json(path / "meta.json"))
    if corpus.fingerprint != content:
        raise DataError(f"{path} is not the corpus that this run was trained on: its tokens differ")
    return corpus
