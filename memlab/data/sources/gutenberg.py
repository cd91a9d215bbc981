"""Project Gutenberg: whole books without its header and licence, one document each.

Give a copy on disk with --data-dir: a folder of .txt books as gutenberg.org has them, or Parquet or Arrow files with a column 'text'.
Without one, the English books of a data set on the Hugging Face Hub (61,300 of them) are fetched into the cache of `datasets`.
Of a book remains what stands between its lines *** START OF … *** and *** END OF …, without white space at its ends, with line ends as
\\n; a book without these lines remains whole. A .txt book that is not UTF-8 is read as Windows-1252.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memlab.config import setting
from memlab.data.document import Document
from memlab.data.sources import _hub, _paths, _tables
from memlab.errors import ConfigError, DataError

_REPOSITORY = "manu/project_gutenberg"
_BOOK = ".txt"
_COLUMN = "text"
_MOVE = "give a folder of .txt books, or of tables with that column, with --data-dir"
_ROWS_AT_ONCE = 20  # a book has some 350,000 characters

_ANY_CASE = re.MULTILINE | re.IGNORECASE
_LONG_TITLE = r"(?:[^*\n]*\n){0,3}?[^*\n]*"  # over up to four lines
_START = re.compile(r"^[ \t]*\*\*\*[ \t]*START OF (?:THE|THIS) PROJECT GUTENBERG" + _LONG_TITLE + r"\*\*\*.*\n", _ANY_CASE)
_START_BEFORE_2004 = re.compile(r"^.*\*END[ *]+THE SMALL PRINT!.*\n", _ANY_CASE)
_END = re.compile(r"^[ \t]*(?:\*\*\*[ \t]*END OF (?:THE|THIS) PROJECT GUTENBERG|End of (?:the |this )?Project Gutenberg)", _ANY_CASE)


@dataclass(frozen=True)
class Options:
    """Where the books are, and how many of them."""

    data_dir: str = setting("", "a folder of .txt books or of Parquet or Arrow files, or one file; empty: from the Hugging Face Hub")
    repository: str = setting(_REPOSITORY, "without data_dir: the data set's name on the Hub")
    revision: str = setting("", "without data_dir: a branch, tag or commit of it; empty: main, else the Hub's own Parquet of it")
    split: str = setting("en", "the split of the data set, there a language")
    documents: int = setting(0, "only the first so many books; 0: all of them")
    seed: int = setting(0, "seed of the order of .txt books; tables keep theirs")

    def __post_init__(self) -> None:
        for name in ("documents", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"data.source_options.{name} is {getattr(self, name)}; it must be at least 0")
        self.published()

    def published(self) -> _hub.Published:
        known = self.repository == _REPOSITORY
        size, files = ("about 14 GB of Parquet in all languages, 11 GB in English", f"data/{self.split}-*") if known else ("", "")
        return _hub.Published(self.repository, self.revision, self.split, size, files)


def documents(options: Options) -> Iterable[Document]:
    """The books, .txt files first, in an order that `seed` decides: their names are numbers by which like stands beside like.

    Named by file, and in tables by file and row. Raises as `openwebtext.documents`.
    """
    return _Books(_files(options), options.documents)


def fingerprint(options: Options) -> str:
    """A hash of name, size, first and last megabyte of each file, and of `documents` and `seed`; see `_paths.glance`."""
    return _paths.glance(_files(options), options.documents, options.seed)


def count(options: Options) -> int:
    """How many books there are, those without text included."""
    files = _files(options)
    tables = [(name, path) for name, path in files if path.suffix.lower() in _tables.ENDINGS]
    found = _hub.rows_of(tables) + len(files) - len(tables)
    return min(found, options.documents) if options.documents else found


def fetch(options: Options, progress: Callable[..., None]) -> None:
    """Download the books where they are to come from the Hub and are not here."""
    if not options.data_dir:
        _hub.fetch(options.published(), progress)


def book(text: str) -> str:
    """A book's own text: what stands after the header and before the licence of Project Gutenberg."""
    text = text.replace("\r\n", "\n")
    start = _START.search(text) or _START_BEFORE_2004.search(text)
    begin = start.end() if start else 0
    end = _END.search(text, begin)
    return text[begin : end.start() if end else None].strip()


@dataclass(frozen=True)
class _Books:
    """Documents that are read anew each time they are iterated over."""

    files: tuple[tuple[str, Path], ...]
    limit: int

    def __iter__(self) -> Iterator[Document]:
        count = 0
        for name, path in self.files:
            with _paths.explained(path):
                for place, text in _texts(path):
                    own = book(text or "")
                    if own:
                        count += 1
                        yield Document(own, name + place)
                        if count == self.limit:
                            return
        if not count:
            raise DataError(f"no text in {len(self.files)} file(s), of which the first is {self.files[0][1]}; {_MOVE}")


def _texts(path: Path) -> Iterator[tuple[str, str | None]]:
    """The texts of a file, each with what its name has beside the file's."""
    if path.suffix.lower() in _tables.ENDINGS:
        return ((f"#{number}", text) for number, text in _tables.texts(path, _COLUMN, _MOVE, _ROWS_AT_ONCE))
    stored = path.read_bytes()
    try:
        return iter([("", stored.decode("utf-8-sig"))])
    except UnicodeDecodeError:
        return iter([("", stored.decode("windows-1252", errors="replace"))])


def _files(options: Options) -> tuple[tuple[str, Path], ...]:
    if not options.data_dir:
        return _hub.fetched(options.published())
    folder = _hub.folder_of(options.data_dir)
    books = [] if folder.is_file() else [(_paths.shown(path.relative_to(folder)), path) for path in _paths.below(folder, (_BOOK,))]
    random.Random(options.seed).shuffle(books)
    files = (*books, *_hub.tables_below(folder, options.split))
    if not files:
        raise DataError(f"no books in {folder}; their names must end in {', '.join((_BOOK, *_tables.ENDINGS))}: {_MOVE}")
    return files
