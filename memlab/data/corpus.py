"""Documents to tokens on disk: built once, cached by what it was made of, cut into splits, resumable, flat in memory."""

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from memlab import config, registry
from memlab.data.batches import mix
from memlab.data.document import Document
from memlab.data.ragged import Ragged, RaggedWriter
from memlab.errors import DataError
from memlab.files import explained, lock, read_json, sync_directory, write_json

FORMAT = 1  # raise it whenever the same inputs would give other bytes
_BATCH_CHARACTERS = 2_000_000  # encoded at once: enough for all cores, little enough for memory
_SYNC_BATCHES = 50


class Progress(Protocol):
    """Told how far a long piece of work is: `done` of `total` (None where unknown), counted in `unit`."""

    def __call__(self, doing: str, done: int, total: int | None, unit: str) -> None: ...


def quiet(doing: str, done: int, total: int | None, unit: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Recipe:
    """What a corpus is made of; its `key` is the same exactly when the tokens would be."""

    source: str
    source_options: dict[str, Any]
    fingerprint: str
    tokenizer: str
    tokenizer_options: dict[str, Any]
    validation: float
    seed: int
    format: int = FORMAT

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> str:
        return f"{self.source}-{self.key[:12]}"


@dataclass(frozen=True, eq=False)
class Corpus:
    """A finished corpus: per split one ragged array of token ids (each document ends in the end-of-text token) and one of names."""

    path: Path
    meta: dict[str, Any] = field(repr=False)

    @functools.cached_property
    def tokenizer(self):
        """The transformers tokenizer."""
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast.from_pretrained(self.path / "tokenizer")

    @property
    def vocab_size(self) -> int:
        return self.meta["vocab_size"]

    @property
    def fingerprint(self) -> str:
        """A hash of every token of every split."""
        return self.meta["content"]

    def splits(self) -> dict[str, dict[str, int]]:
        """Documents, tokens and characters of each split."""
        return self.meta["splits"]

    @functools.cache  # noqa: B019 - a corpus lives as long as the process
    def tokens(self, split: str) -> Ragged:
        """The token ids of a split, memory-mapped, a document a list."""
        if split not in self.splits():
            raise DataError(f"the corpus has no split '{split}'; there are: {', '.join(self.splits())}")
        return Ragged(self.path / split, np.dtype(self.meta["dtype"]))

    def name(self, split: str, document: int) -> str:
        """Where a document came from."""
        return bytes(Ragged(self.path / f"{split}.names", np.dtype(np.uint8))[document]).decode()

    def text(self, split: str, document: int) -> str:
        """A document's text, from its tokens, without the end-of-text token."""
        return self.decode(self.tokens(split)[document][:-1])

    def decode(self, ids: Iterable[int]) -> str:
        return self.tokenizer.decode([int(i) for i in ids], clean_up_tokenization_spaces=False)


def recipe_of(data: config.Data) -> tuple[Recipe, ModuleType, Any]:
    """The recipe of the corpus that a configuration asks for, with its source module and that module's checked options."""
    source = registry.load("source", data.source)
    options = config.build_options(source.Options, data.source_options, "data.source_options")
    tokenizer = registry.load("tokenizer", data.tokenizer)
    tokenizer_options = config.build_options(tokenizer.Options, data.tokenizer_options, "data.tokenizer_options")
    recipe = Recipe(
        source=data.source,
        source_options=asdict(options),
        fingerprint=source.fingerprint(options),
        tokenizer=data.tokenizer,
        tokenizer_options=asdict(tokenizer_options),
        validation=data.validation,
        seed=data.seed,
    )
    return recipe, source, options


def open_corpus(home: Path, data: config.Data, progress: Progress = quiet) -> Corpus:
    """The corpus that `data` asks for, built first if this home does not have it. One process builds, others wait for it."""
    recipe, source, options = recipe_of(data)
    path = home / "corpora" / recipe.folder
    if not (path / "meta.json").exists():
        with lock(path.with_name(f".{path.name}.lock"), wait=False) as held:
            if held and not (path / "meta.json").exists():
                _Build(path, recipe, source, options, progress).run()
        if not held:
            progress("waiting for another process that builds this corpus", 0, None, "")
            with lock(path.with_name(f".{path.name}.lock")):
                pass
            return open_corpus(home, data, progress)
    return Corpus(path, read_json(path / "meta.json"))


def open_recorded(home: Path, folder: str, content: str) -> Corpus:
    """The corpus that a run was trained on, by its recorded folder and content. Raises DataError where it is gone or not the same."""
    path = home / "corpora" / folder
    if not (path / "meta.json").exists():
        raise DataError(f"the corpus of this run, {path}, is not there; copy it from the machine that the run was trained on")
    corpus = Corpus(path, read_json(path / "meta.json"))
    if corpus.fingerprint != content:
        raise DataError(f"{path} is not the corpus that this run was trained on: its tokens differ")
    return corpus


class _Build:
    """One corpus being built beside its final place; what a killed build has finished is kept and continued."""

    def __init__(self, path: Path, recipe: Recipe, source: ModuleType, options: Any, progress: Progress) -> None:
        self.path, self.recipe, self.source, self.options, self.progress = path, recipe, source, options, progress
        self.aside = path.with_name(f"{path.name}.building")
        self.total: int | None = None

    def run(self) -> None:
        with explained(self.aside, "making"):
            self.aside.mkdir(parents=True, exist_ok=True)
        tokenizer = self._tokenizer()
        dtype = np.dtype(np.uint16 if len(tokenizer) <= 1 << 16 else np.uint32)
        splits = self._tokenise(tokenizer, dtype)
        self._check(splits)
        meta = {
            **asdict(self.recipe),
            "vocab_size": len(tokenizer),
            "dtype": dtype.name,
            "splits": splits,
            "content": self._content(splits),
        }
        write_json(self.aside / "meta.json", meta)
        shutil.rmtree(self.path, ignore_errors=True)  # left by something that was never finished
        os.rename(self.aside, self.path)
        sync_directory(self.path.parent)

    def _documents(self) -> Iterator[tuple[int, Document, str]]:
        """Every document with its number and its split."""
        for number, document in enumerate(self.source.documents(self.options)):
            yield number, document, document.split or split_of(number, self.recipe.validation, self.recipe.seed)

    def _tokenizer(self):
        """Built from the training part only, and kept, so that a continued build uses the same one."""
        from transformers import PreTrainedTokenizerFast

        folder = self.aside / "tokenizer"
        if not folder.exists():
            plugin = registry.load("tokenizer", self.recipe.tokenizer)
            options = plugin.Options(**self.recipe.tokenizer_options)
            tokenizer = plugin.build(self._training_documents(), options)
            tokenizer.save_pretrained(folder.with_name("tokenizer.part"))
            os.rename(folder.with_name("tokenizer.part"), folder)
        return PreTrainedTokenizerFast.from_pretrained(folder)

    def _training_documents(self) -> Iterator[Document]:
        number = -1
        self.progress("reading the source", 0, None, "documents")
        for number, document, split in self._documents():
            if number % 1000 == 0:
                self.progress("reading the source", number, None, "documents")
            if split == "train":
                yield document
        self.total = number + 1

    def _tokenise(self, tokenizer: Any, dtype: np.dtype) -> dict[str, dict[str, int]]:
        writer = _SplitWriter(self.aside, dtype)
        encode, end = tokenizer.backend_tokenizer, tokenizer.eos_token_id
        encode.encode_special_tokens = True  # text that spells a special token is text
        todo = (item for item in self._documents() if item[0] >= writer.n_consumed)
        for count, batch in enumerate(_batches(todo), start=1):
            texts = [document.text for _, document, _ in batch]
            ids = [[*encoding.ids, end] for encoding in encode.encode_batch_fast(texts, add_special_tokens=False)]
            writer.add(batch, ids)
            self.progress("tokenising", writer.n_consumed, self.total, "documents")
            if count % _SYNC_BATCHES == 0:
                writer.sync()
        writer.sync()
        return writer.finish()

    def _check(self, splits: dict[str, dict[str, int]]) -> None:
        if not splits:
            raise DataError(f"source '{self.recipe.source}' gave no text; see `memlab sources {self.recipe.source}` for its settings")
        for split in ("train", "validation"):
            if split not in splits:
                documents = sum(counts["documents"] for counts in splits.values())
                raise DataError(
                    f"source '{self.recipe.source}' gave {documents} document(s), none of them for the {split} part; "
                    f"give more text, or change data.validation, which is {self.recipe.validation:g}"
                )

    def _content(self, splits: dict[str, dict[str, int]]) -> str:
        digest = hashlib.sha256()
        for split in sorted(splits):
            with (self.aside / f"{split}.values").open("rb") as file:
                while chunk := file.read(1 << 22):
                    digest.update(chunk)
        return digest.hexdigest()


class _SplitWriter:
    """Appends tokenised documents to their splits, and records how far it is so that a later process continues there."""

    def __init__(self, folder: Path, dtype: np.dtype) -> None:
        self.folder, self.dtype = folder, dtype
        self.record = folder / "progress.json"
        done = read_json(self.record) if self.record.exists() else {"consumed": 0, "splits": {}}
        self.n_consumed: int = done["consumed"]
        self._splits: dict[str, tuple[RaggedWriter, RaggedWriter]] = {}
        self._characters: dict[str, int] = {}
        for split, lengths in done["splits"].items():
            self._open(split, tuple(lengths["tokens"]), tuple(lengths["names"]), lengths["characters"])

    def add(self, batch: list[tuple[int, Document, str]], ids: list[list[int]]) -> None:
        for split in {split for _, _, split in batch}:
            if split not in self._splits:
                self._open(split, (0, 0), (0, 0), 0)
            chosen = [(document, row) for (_, document, of), row in zip(batch, ids, strict=True) if of == split and len(row) > 1]
            tokens, names = self._splits[split]
            tokens.extend(np.asarray(row, self.dtype) for _, row in chosen)
            names.extend(np.frombuffer(document.name.encode(), np.uint8) for document, _ in chosen)
            self._characters[split] += sum(len(document.text) for document, _ in chosen)
        self.n_consumed = batch[-1][0] + 1

    def sync(self) -> None:
        lengths = {
            split: {"tokens": tokens.sync(), "names": names.sync(), "characters": self._characters[split]}
            for split, (tokens, names) in self._splits.items()
        }
        write_json(self.record, {"consumed": self.n_consumed, "splits": lengths})

    def finish(self) -> dict[str, dict[str, int]]:
        """Close everything; documents, tokens and characters of each split that has any."""
        counts = {}
        for split, (tokens, names) in self._splits.items():
            tokens.close()
            names.close()
            if tokens.n_lists:
                counts[split] = {"documents": tokens.n_lists, "tokens": tokens.n_items, "characters": self._characters[split]}
        self.record.unlink()
        return counts

    def _open(self, split: str, tokens: tuple[int, int], names: tuple[int, int], characters: int) -> None:
        writers = RaggedWriter(self.folder / split, self.dtype, tokens), RaggedWriter(self.folder / f"{split}.names", np.uint8, names)
        self._splits[split], self._characters[split] = writers, characters


def split_of(number: int, validation: float, seed: int) -> str:
    """The split of document `number`: of every 1/validation documents in a row, one (by a seeded hash) is held out."""
    block = max(2, round(1 / validation))
    chosen = int(mix(np.array([number // block], np.uint64), seed)[0]) % block
    return "validation" if number % block == chosen else "train"


def _batches(items: Iterable[tuple[int, Document, str]]) -> Iterator[list[tuple[int, Document, str]]]:
    """Groups of documents of about `_BATCH_CHARACTERS` characters."""
    batch, characters = [], 0
    for item in items:
        batch.append(item)
        characters += len(item[1].text)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
