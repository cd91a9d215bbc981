"""OpenWebText: 8 million web pages, about 9 billion GPT-2 tokens, in stored order.

8,013,769 documents, 40 GB of text, 24 GB of Parquet to download (Gokaslan and Cohen 2019). A fraction is a prefix of the stored order.
Give a copy on disk with --data-dir: Parquet, or Arrow files as `datasets` leaves them in its cache and in save_to_disk folders. Without
one, the Hugging Face Hub's is fetched into the cache of `datasets`, which takes 64 GB there; what the cache holds is found offline too.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memlab.config import setting
from memlab.data.document import Document
from memlab.data.sources import _hub, _paths, _tables
from memlab.errors import ConfigError, DataError

_REPOSITORY = "Skylion007/openwebtext"
_COLUMN = "text"
_MOVE = "give OpenWebText's own files with --data-dir"


@dataclass(frozen=True)
class Options:
    """Where the documents are, and how many of them."""

    data_dir: str = setting("", "a folder with a copy of its Parquet or Arrow files, or one file; empty: from the Hugging Face Hub")
    repository: str = setting(_REPOSITORY, "without data_dir: the data set's name on the Hub")
    revision: str = setting("", "without data_dir: a branch, tag or commit of it; empty: main, else the Hub's own Parquet of it")
    documents: int = setting(0, "only the first so many, for trying out; 0: all of them")

    def __post_init__(self) -> None:
        if self.documents < 0:
            raise ConfigError(f"data.source_options.documents is {self.documents}; it must be at least 0 (0: all of them)")
        self.published()

    def published(self) -> _hub.Published:
        size = "about 24 GB of Parquet, 40 GB of text" if self.repository == _REPOSITORY else ""
        return _hub.Published(self.repository, self.revision, "train", size)


def documents(options: Options) -> Iterable[Document]:
    """The documents in stored order, named by file and row: train-00000-of-00080.parquet#123. Rows without text are left out.

    Raises ConfigError for a folder that does not exist; DataError for one without files to read, for files that are damaged or have no
    column 'text', and where the Hub's cannot be had.
    """
    return _Documents(_files(options), options.documents)


def fingerprint(options: Options) -> str:
    """A hash of name, size, first and last megabyte of each file, and of `documents`; see `_paths.glance`."""
    return _paths.glance(_files(options), options.documents)


def count(options: Options) -> int:
    """How many rows there are, those without text included."""
    found = _hub.rows_of(_files(options))
    return min(found, options.documents) if options.documents else found


def fetch(options: Options, progress: Callable[..., None]) -> None:
    """Download the files where they are to come from the Hub and are not here."""
    if not options.data_dir:
        _hub.fetch(options.published(), progress)


@dataclass(frozen=True)
class _Documents:
    """Documents that are read anew each time they are iterated over."""

    files: tuple[tuple[str, Path], ...]
    limit: int

    def __iter__(self) -> Iterator[Document]:
        count = 0
        for name, path in self.files:
            with _paths.explained(path):
                for number, text in _tables.texts(path, _COLUMN, _MOVE):
                    if text and not text.isspace():
                        count += 1
                        yield Document(text, f"{name}#{number}")
                        if count == self.limit:
                            return
        if not count:
            raise DataError(f"no text in {len(self.files)} file(s), of which the first is {self.files[0][1]}; {_MOVE}")


def _files(options: Options) -> tuple[tuple[str, Path], ...]:
    if not options.data_dir:
        return _hub.fetched(options.published())
    folder = _hub.folder_of(options.data_dir)
    files = _hub.tables_below(folder, "train")
    if not files:
        raise DataError(f"no files to read in {folder}; their names must end in {' or '.join(_tables.ENDINGS)}: {_MOVE}")
    return files
