"""Your own texts: .txt, .md, .jsonl, .csv and .parquet files, or folders of them.

Plain text (.txt, .md, and any other file that is given by name) is cut at paragraph ends into passages of about
`passage_characters`, one document each: book.txt#1, book.txt#2, … Joined they are the file's text again, with line ends as \\n and
without a byte order mark. Of .jsonl, .csv and .parquet each row is a document, its text as stored: data.csv#12 is row 12 (of .jsonl,
line 12), counted from 1. Rows without text are left out, and so is what is nothing but white space.
Folders are read with all that is below them, except for hidden files and folders, sorted by path.
"""

import codecs
import csv
import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlab.config import setting
from memlab.data.document import Document
from memlab.data.sources import _paths, _tables
from memlab.errors import ConfigError, DataError

TEXT_ENDINGS = (".txt", ".md")
ROW_ENDINGS = (".jsonl", ".csv", ".parquet")
ENDINGS = TEXT_ENDINGS + ROW_ENDINGS

# Where a text may be cut, best first: after a paragraph, a line, a sentence, a word.
_CUTS = [re.compile(pattern) for pattern in (r"\n(?:[^\S\n]*\n)+", r"\n", r"[.!?…]['\"’”)\]]*\s+", r"\s+")]
_ROWS_AT_ONCE = 1000
_LONGEST_FIELD = 2**31 - 1  # characters; csv's own limit is 131,072
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_OTHER_COLUMN = "set data.source_options.column"
_HEADER = f"{_OTHER_COLUMN}, or put a first line with names where the file has none"


@dataclass(frozen=True)
class Options:
    """Which files, and how they become documents."""

    path: str | tuple[str, ...] = setting("", "the file or folder to read, or a list of them (required)")
    column: str = setting("text", "the column of .jsonl, .csv and .parquet that holds the text")
    passage_characters: int = setting(2000, "about how many characters of .txt and .md make one document")

    def __post_init__(self) -> None:
        if not self.paths or not all(self.paths):
            raise ConfigError("data.source_options.path is empty; name a file or folder, for example data.source_options.path=book.txt")
        if self.passage_characters < 1:
            raise ConfigError(f"data.source_options.passage_characters is {self.passage_characters}; it must be at least 1")

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


def documents(options: Options) -> Iterable[Document]:
    """The passages and rows in the order of the files, read as they are asked for: one batch of rows or one passage in memory.

    Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes U+FFFD.
    Raises ConfigError for a path that does not exist; DataError for a folder without files to read, a missing column, a file that is
    not UTF-8 or damaged, and where there is no text at all.
    """
    return _Documents(_files(options), options)


def fingerprint(options: Options) -> str:
    """A hash of names and contents of the files, and of the options that decide how they are read."""
    digest = hashlib.blake2b(repr((options.column, options.passage_characters)).encode(), digest_size=16)
    for name, path in _files(options):
        with _explained(path), path.open("rb") as file:
            digest.update(f"\n{name}\n".encode() + hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Documents:
    """Documents that are read anew each time they are iterated over."""

    files: list[tuple[str, Path]]
    options: Options

    def __iter__(self) -> Iterator[Document]:
        empty = True
        for name, path in self.files:
            for number, text in _texts(path, self.options):
                if text and not text.isspace():
                    empty = False
                    yield Document(_unicode(text), f"{name}#{number}")
        if empty:
            given = ", ".join(map(repr, self.options.paths))
            raise DataError(f"no text in {given}: {len(self.files)} file(s), all empty; give files with text in them")


def _files(options: Options) -> list[tuple[str, Path]]:
    """Name and path of each file, each once, in order. A name is the path below what the given paths have in common."""
    found: dict[Path, Path] = {}
    bases = []
    for given in options.paths:
        path = Path(os.path.expanduser(given)).absolute()
        with _explained(path):
            inside = _readable(path, given)
        bases.append(path if path.is_dir() else path.parent)
        for file in inside:
            found.setdefault(file.resolve(), file)
    base = os.path.commonpath(bases)
    return [(_paths.shown(path.relative_to(base)), path) for path in found.values()]


def _readable(path: Path, given: str) -> list[Path]:
    """The file itself, or the files below the folder whose endings are known, sorted."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        problem = "which is neither a file nor a folder; save its text to a file first" if path.exists() else "which does not exist"
        raise ConfigError(f"data.source_options.path is '{given}', {problem} (looked for {path})")
    found = _paths.below(path, ENDINGS)
    if not found:
        raise DataError(
            f"no files to read in folder '{given}'; their names must end in {', '.join(ENDINGS)} (or give one file by its name)"
        )
    return found


def _texts(path: Path, options: Options) -> Iterator[tuple[int, str | None]]:
    """The texts of one file with their numbers."""
    with _explained(path):
        if path.stat().st_size == 0:
            return
        match path.suffix.lower():
            case ".jsonl":
                yield from _jsonl(path, options.column)
            case ".csv":
                yield from _csv(path, options.column)
            case ".parquet":
                yield from _tables.texts(path, options.column, _OTHER_COLUMN)
            case _:
                # Not through `datasets`: its text builder cuts at every line or paragraph and drops what separates them.
                with path.open(encoding="utf-8-sig") as file:
                    yield from enumerate(passages(file, options.passage_characters), start=1)


def passages(file: Any, characters: int) -> Iterator[str]:
    """A text stream in pieces of about `characters`, each between half and twice as long (the last may be shorter).

    A piece ends with a paragraph, else with a line, else a sentence, else a word: at the end nearest to the length asked for.
    Joined, the pieces are the text. Holds twice `characters` in memory.
    """
    window = file.read(2 * characters)
    while window:
        cut = _cut(window, characters)
        yield window[:cut]
        window = window[cut:] + file.read(cut)


def _cut(window: str, characters: int) -> int:
    whole = [len(window)] if len(window) < 2 * characters else []  # the end of the text is as good as any
    if whole and len(window) <= characters:
        return len(window)
    for pattern in _CUTS:
        ends = [match.end() for match in pattern.finditer(window)] + whole
        ends = [end for end in ends if 2 * end >= characters]
        if ends:
            return min(ends, key=lambda end: abs(end - characters))
    return characters


def _jsonl(path: Path, column: str) -> Iterator[tuple[int, str | None]]:
    # Not through `datasets`: its JSON builder guesses types (texts that are all dates come back as datetime) and holds every later
    # row to the columns of the first 10 MB.
    columns: set[str] = set()
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.isspace():
                continue
            row = _json_object(line, path, number)
            if column not in columns:
                columns |= row.keys()
            text = row.get(column)
            if text is not None and not isinstance(text, str):
                raise DataError(f"line {number} of {path}: '{column}' is {_shortened(text)}; it must be a text in quotes, or null")
            if column not in columns and number > _ROWS_AT_ONCE:
                break
            yield number, text
    if columns and column not in columns:
        raise _tables.missing(path, column, sorted(columns), _OTHER_COLUMN)


def _json_object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", error)
        raise DataError(f"line {number} of {path} is not JSON ({reason}); a .jsonl file has one object in braces on each line") from None
    if not isinstance(row, dict):
        raise DataError(f"line {number} of {path} is {_shortened(row)}; a .jsonl file has one object in braces on each line")
    return row


def _csv(path: Path, column: str) -> Iterator[tuple[int, str | None]]:
    # Not through `datasets`: pandas reads 007 as 7 and NA as nothing, and drops fields beyond the header's when told not to guess.
    csv.field_size_limit(_LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        try:
            rows = (row for row in lines if row)  # a blank line is no row
            columns = next(rows, [])
            if column not in columns:
                raise _tables.missing(path, column, columns, _HEADER)
            place = columns.index(column)
            for number, row in enumerate(rows, start=1):
                if len(row) < len(columns) or any(row[len(columns) :]):
                    raise DataError(
                        f"line {lines.line_num} of {path} has {len(row)} fields where the header has {len(columns)}; "
                        "put a text that contains commas, quotes or line ends in double quotes"
                    )
                yield number, row[place]
        except csv.Error as error:
            raise DataError(
                f"line {lines.line_num} of {path} is not CSV ({error}); put a text in double quotes, double those in it"
            ) from None


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what may go wrong with any file into one line that names it."""
    try:
        with _paths.explained(path):
            yield
    except UnicodeDecodeError:
        raise _not_utf8(path) from None


def _not_utf8(path: Path) -> DataError:
    place = f"{path} is not UTF-8 from byte {first_wrong_byte(path)} on"
    if path.suffix.lower() not in ENDINGS:
        return DataError(f"{place}, so not plain text; memlab reads {', '.join(ENDINGS)}: save its text as one of them")
    converted = shlex.quote(f"{path.stem}.utf8{path.suffix}")
    return DataError(f"{place}; convert it, for example: {conversion(path)} {shlex.quote(str(path))} > {converted}")


def first_wrong_byte(path: Path) -> int | None:
    """The offset of the first byte of a file that is not UTF-8; None where all of it is."""
    decoder, offset, pending = codecs.getincrementaldecoder("utf-8")(), 0, 0
    with path.open("rb") as file:
        try:
            while chunk := file.read(1 << 20):
                pending = len(decoder.getstate()[0])
                decoder.decode(chunk)
                offset += len(chunk)
            pending = len(decoder.getstate()[0])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            return offset + error.start - pending
    return None


def conversion(path: Path) -> str:
    """The command that makes UTF-8 of a file that is something else, as its first bytes say."""
    with path.open("rb") as file:
        is_wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return f"iconv -f {'UTF-16' if is_wide else 'WINDOWS-1252'} -t UTF-8"


def _shortened(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text)
    return text
