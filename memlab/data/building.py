"""Documents to tokens: a corpus being built beside its final place, resumable, with the same memory for any size of text."""

import contextlib
import functools
import hashlib
import json
import math
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from memlab import config, registry
from memlab.data.batches import mix
from memlab.data.document import Document
from memlab.data.ragged import RaggedWriter
from memlab.errors import DataError
from memlab.files import explained, read_json, sync_directory, write_json
from memlab.progress import Progress

FORMAT = 3  # raise it whenever the same inputs would give other bytes
_BATCH_CHARACTERS = 2_000_000  # encoded at once: enough for all cores, little enough for memory
_SYNC_BATCHES = 50
_PROGRESS = "progress.json"
_Item = tuple[int, Document, str]  # number, document, split
_FIRST_HELD_OUT = 4  # the first held-out document is among so many, so that a handful of texts has one too
_PASSAGES = "passage_characters"  # the option of a source that cuts its text into documents
_CUTS = 10  # documents that a single text is to be cut into: at least half as many come of it, more than _FIRST_HELD_OUT
_CHARACTERS_OF_A_TOKEN = 16  # no more than that and a document that is half as long as asked for is longer than the context


@dataclass(frozen=True)
class Recipe:
    """What a corpus is made of; its `key` changes whenever the tokens could."""

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


class Build:
    """One corpus being built beside its final place; what a killed build has finished is kept and continued."""

    def __init__(self, path: Path, recipe: Recipe, source: ModuleType, options: Any, progress: Progress) -> None:
        self.path, self.recipe, self.source, self.options, self.progress = path, recipe, source, options, progress
        self.aside = path.with_name(f"{path.name}.building")
        self.total: int | None = source.count(options) if hasattr(source, "count") else None

    def run(self) -> None:
        with explained(self.aside, "making"):
            self.aside.mkdir(parents=True, exist_ok=True)
        tokenizer = self._tokenizer()
        vocab_size = max(tokenizer.get_vocab().values()) + 1  # some published ones leave numbers out
        dtype = np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)
        splits = self._tokenise(tokenizer, dtype)
        self._check(splits)
        meta = {
            **asdict(self.recipe),
            "vocab_size": vocab_size,
            "dtype": dtype.name,
            "splits": splits,
            "content": self._content(splits),
        }
        write_json(self.aside / "meta.json", meta)
        (self.aside / _PROGRESS).unlink()
        shutil.rmtree(self.path, ignore_errors=True)  # left by something that was never finished
        os.rename(self.aside, self.path)
        sync_directory(self.path.parent)

    def _documents(self) -> Iterator[_Item]:
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
        self.progress("reading the source", 0, self.total, "documents")
        for number, document, split in self._documents():
            if number % 1000 == 0:
                self.progress("reading the source", number, self.total, "documents")
            if split == "train":
                yield document
        self.total = number + 1

    def _tokenise(self, tokenizer: Any, dtype: np.dtype) -> dict[str, dict[str, int]]:
        encode, end = tokenizer.backend_tokenizer, tokenizer.eos_token_id
        encode.encode_special_tokens = True  # text that spells a special token is text
        with contextlib.closing(_SplitWriter(self.aside, dtype)) as writer:
            todo = (item for item in self._documents() if item[0] >= writer.n_consumed)
            for count, (batch, rows) in enumerate(_encoded(_batches(todo), encode, end, dtype), start=1):
                writer.add(batch, rows)
                self.progress("tokenising", writer.n_consumed, self.total, "documents")
                if count % _SYNC_BATCHES == 0:
                    writer.sync()
            writer.sync()
            return writer.counts()

    def _check(self, splits: dict[str, dict[str, int]]) -> None:
        if not splits:
            raise DataError(f"source '{self.recipe.source}' gave no text; see `memlab sources {self.recipe.source}` for its settings")
        for split in ("train", "validation"):
            if split not in splits:
                raise DataError(f"source '{self.recipe.source}' gave {_lacking(split, self.recipe, splits)}")

    def _content(self, splits: dict[str, dict[str, int]]) -> str:
        digest = hashlib.sha256()
        for split in sorted(splits):
            digest.update(f"{split} {splits[split]['tokens']}\n".encode())
            with (self.aside / f"{split}.values").open("rb") as file:
                while chunk := file.read(1 << 22):
                    digest.update(chunk)
        return digest.hexdigest()


def _lacking(split: str, recipe: Recipe, splits: dict[str, dict[str, int]]) -> str:
    """That a part has no document, and what gives it one: a larger share of a handful, shorter documents of a single text."""
    n_documents, n_characters = (sum(counts[key] for counts in splits.values()) for key in ("documents", "characters"))
    found = f"{n_documents} document(s), none of them for the {split} part; give more text"
    if n_documents > 1:
        return f"{found}, or --set data.validation=0.5" if split == "validation" and n_documents < _FIRST_HELD_OUT else found
    context = n_characters // _CUTS // _CHARACTERS_OF_A_TOKEN
    if _PASSAGES not in recipe.source_options or context < config.LEAST_CONTEXT:
        return found
    cut = f"--set data.source_options.{_PASSAGES}={n_characters // _CUTS} --set model.context={context}"
    return f"{found}, or cut plain text into shorter documents: {cut}"


class _SplitWriter:
    """Appends tokenised documents to their splits, and records how far it is so that a later process continues there."""

    def __init__(self, folder: Path, dtype: np.dtype) -> None:
        self.folder, self.dtype = folder, dtype
        self.record = folder / _PROGRESS
        done = read_json(self.record) if self.record.exists() else {"consumed": 0, "splits": {}}
        self.n_consumed: int = done["consumed"]
        self._files = contextlib.ExitStack()
        self._splits: dict[str, tuple[RaggedWriter, RaggedWriter]] = {}
        self._characters: dict[str, int] = {}
        for split, lengths in done["splits"].items():
            self._open(split, tuple(lengths["tokens"]), tuple(lengths["names"]), lengths["characters"])

    def add(self, batch: list[_Item], ids: list[np.ndarray]) -> None:
        for split in dict.fromkeys(split for _, _, split in batch):
            if split not in self._splits:
                self._open(split, (0, 0), (0, 0), 0)
            chosen = [(document, row) for (_, document, of), row in zip(batch, ids, strict=True) if of == split and len(row) > 1]
            tokens, names = self._splits[split]
            tokens.extend(row for _, row in chosen)
            names.extend(np.frombuffer(document.name.encode(errors="replace"), np.uint8) for document, _ in chosen)
            self._characters[split] += sum(len(document.text) for document, _ in chosen)
        self.n_consumed = batch[-1][0] + 1

    def sync(self) -> None:
        lengths = {
            split: {"tokens": tokens.sync(), "names": names.sync(), "characters": self._characters[split]}
            for split, (tokens, names) in self._splits.items()
        }
        write_json(self.record, {"consumed": self.n_consumed, "splits": lengths})

    def counts(self) -> dict[str, dict[str, int]]:
        """Documents, tokens and characters of each split that has any."""
        return {
            split: {"documents": tokens.n_lists, "tokens": tokens.n_items, "characters": self._characters[split]}
            for split, (tokens, _) in self._splits.items()
            if tokens.n_lists
        }

    def close(self) -> None:
        """Also after an error: what a file still held back would reach the disk later, in the middle of a continued build."""
        self._files.close()

    def _open(self, split: str, tokens: tuple[int, int], names: tuple[int, int], characters: int) -> None:
        writers = RaggedWriter(self.folder / split, self.dtype, tokens), RaggedWriter(self.folder / f"{split}.names", np.uint8, names)
        for writer in writers:
            self._files.callback(writer.close)
        self._splits[split], self._characters[split] = writers, characters


def split_of(number: int, validation: float, seed: int) -> str:
    """The split of document `number`: of every 1/validation documents in a row one is held out, which one a seeded hash says.

    Block k begins at document ⌈k/validation⌉, so that the share is kept for any `validation` in (0, 1). In the first block it is one of
    the first few, so that a handful of texts has one too.
    """
    share = _as_written(validation)
    block = number * share.numerator // share.denominator
    return "validation" if number == _held_out(block, share, seed) else "train"


@functools.lru_cache(maxsize=1)
def _as_written(share: float) -> Fraction:
    """0.05 is one twentieth, not the binary number next to it."""
    return Fraction(str(share))


@functools.lru_cache(maxsize=1)
def _held_out(block: int, share: Fraction, seed: int) -> int:
    """The number of the document that is held out of a block."""
    first, stop = math.ceil(block / share), math.ceil((block + 1) / share)
    among = min(stop - first, _FIRST_HELD_OUT) if block == 0 else stop - first
    return first + int(mix(np.array([block], np.uint64), seed)[0]) % among


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
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


def _encoded(batches: Iterable[list[_Item]], tokenizer: Any, end: int, dtype: np.dtype) -> Iterator[tuple[list[_Item], list[np.ndarray]]]:
    """Each batch with its documents' token ids and `end`. While one is dealt with and more is read, the next is encoded, on all cores."""
    with ThreadPoolExecutor(1) as pool:
        ahead: deque[tuple[list[_Item], Future]] = deque()
        for batch in batches:
            texts = [document.text for _, document, _ in batch]
            ahead.append((batch, pool.submit(tokenizer.encode_batch_fast, texts, add_special_tokens=False)))
            if len(ahead) > 1:
                yield _with_ids(*ahead.popleft(), end, dtype)
        while ahead:
            yield _with_ids(*ahead.popleft(), end, dtype)


def _with_ids(batch: list[_Item], encodings: Future, end: int, dtype: np.dtype) -> tuple[list[_Item], list[np.ndarray]]:
    """The encodings are gone afterwards: they take tens of times the memory of the ids."""
    return batch, [np.array([*encoding.ids, end], dtype) for encoding in encodings.result()]
