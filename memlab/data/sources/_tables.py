"""One column of text of Parquet and Arrow files, a batch of rows in memory at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from memlab.errors import DataError, did_you_mean

ENDINGS = (".parquet", ".arrow")

_ROWS_AT_ONCE = 1000
_NAMED, _LETTERS = 8, 24  # columns that an error names, and how much of a name
_BUFFER = 1 << 20  # bytes
_ARROW_FILE = b"ARROW1"  # how Arrow's file format begins


def texts(path: Path, column: str, move: str, rows_at_once: int = _ROWS_AT_ONCE) -> Iterator[tuple[int, str | None]]:
    """The texts of a column with their numbers from 1, read as they are asked for. The name's ending says which kind of file it is.

    Holds `rows_at_once` rows, of an Arrow file one of its record batches (1,000 rows as `datasets` writes them).
    Raises DataError for a file that is damaged or has no such column of text; `move` says what to do about the latter.
    """
    import pyarrow

    read = _arrow if path.suffix.lower() == ".arrow" else _parquet
    try:
        parts = read(path, column, move, rows_at_once)
        yield from enumerate((text for part in parts for text in part.to_pylist()), start=1)
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise _damaged(path, error) from None


def count(path: Path) -> int:
    """How many rows a file has, without reading them. Raises DataError for one that is damaged."""
    import pyarrow
    from pyarrow import parquet

    try:
        if path.suffix.lower() != ".arrow":
            return parquet.read_metadata(path).num_rows
        with pyarrow.memory_map(str(path)) as file:  # of a map only the headers of its batches are read
            return sum(batch.num_rows for batch in _batches(_open(file)))
    except pyarrow.ArrowException as error:
        raise _damaged(path, error) from None


def missing(path: Path, column: str, columns: Iterable[str], move: str) -> DataError:
    """The error that names a column that is not there, and the first of those that are, each in a few letters."""
    there = list(columns)
    named = ", ".join(f"'{_short(name)}'" for name in there[:_NAMED]) or "none"
    others = f" and {len(there) - _NAMED:,} others" if len(there) > _NAMED else ""
    meant = did_you_mean(column, there)
    return DataError(f"{path} has no column '{column}', only {named}{others}; {move}{meant if meant.endswith('?') else ''}")


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"


def _parquet(path: Path, column: str, move: str, rows_at_once: int) -> Iterator[Any]:
    # Not through `datasets`: it holds a row group, often the whole file, two or three times over (measured: 760 MB for 330 MB of text,
    # against 70 MB here with a buffered stream).
    from pyarrow import parquet

    with parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
        _check(path, column, file.schema_arrow, move)
        for batch in file.iter_batches(rows_at_once, columns=[column]):
            yield batch.column(column)


def _arrow(path: Path, column: str, move: str, rows_at_once: int) -> Iterator[Any]:
    # Not memory-mapped: the pages of a map count as memory of this process until the file is closed.
    import pyarrow

    with pyarrow.OSFile(str(path)) as file:
        schema = _open(file).schema
        _check(path, column, schema, move)
        for batch in _batches(_open(file, pyarrow.ipc.IpcReadOptions(included_fields=[schema.get_field_index(column)]))):
            for start in range(0, batch.num_rows, rows_at_once):
                yield batch.column(0).slice(start, rows_at_once)


def _open(file: Any, options: Any = None) -> Any:
    """A reader of Arrow's file format or of its stream format, which `datasets` writes."""
    from pyarrow import ipc

    file.seek(0)
    read = ipc.open_file if file.read(len(_ARROW_FILE)) == _ARROW_FILE else ipc.open_stream
    file.seek(0)
    return read(file, options=options)


def _batches(reader: Any) -> Iterator[Any]:
    n_batches = getattr(reader, "num_record_batches", None)
    yield from reader if n_batches is None else map(reader.get_batch, range(n_batches))


def _damaged(path: Path, error: Exception) -> DataError:
    kind = "Arrow" if path.suffix.lower() == ".arrow" else "Parquet"
    return DataError(f"{path} is not whole, or not {kind} ({str(error).strip().splitlines()[0]}); fetch or write it again")


def _check(path: Path, column: str, schema: Any, move: str) -> None:
    from pyarrow import types

    if column not in schema.names:
        raise missing(path, column, schema.names, move)
    kind = schema.field(column).type
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)):
        raise DataError(f"column '{column}' of {path} holds {kind}, not text; {move}")
