"""Lists of lists on disk, appended to while they are built and memory-mapped when they are read.

A ragged array NAME is two raw little-endian files: `NAME.values` holds all items end to end, `NAME.ends` (int64) where each
list ends. Both only grow, so an interrupted build is cut back to its last recorded lengths and goes on.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from memlab.errors import DataError
from memlab.files import explained


class RaggedWriter:
    """Appends lists; `sync()` makes them durable and returns the lengths that a later `RaggedWriter` can continue from."""

    def __init__(self, path: Path, dtype: np.dtype, lengths: tuple[int, int] = (0, 0)) -> None:
        """Open, cutting the files back to `lengths` = (number of lists, number of items)."""
        self.dtype = np.dtype(dtype)
        self.n_lists, self.n_items = lengths
        with explained(path, "writing"):
            self._values = _reopen(_values(path), self.n_items * self.dtype.itemsize)
            self._ends = _reopen(_ends(path), self.n_lists * 8)

    def extend(self, lists: Iterable[np.ndarray]) -> None:
        """Append several lists at once."""
        arrays = [np.asarray(items, self.dtype) for items in lists]
        if not arrays:
            return
        ends = self.n_items + np.cumsum([len(items) for items in arrays], dtype=np.int64)
        with explained(Path(self._values.name), "writing"):
            self._values.write(np.concatenate(arrays))
            self._ends.write(ends)
        self.n_lists += len(arrays)
        self.n_items = int(ends[-1])

    def sync(self) -> tuple[int, int]:
        with explained(Path(self._values.name), "writing"):
            for file in (self._values, self._ends):
                file.flush()
                os.fsync(file.fileno())
        return self.n_lists, self.n_items

    def close(self) -> None:
        with explained(Path(self._values.name), "writing"), self._values, self._ends:
            pass


class Ragged:
    """A finished ragged array, memory-mapped. `values` (items,), `ends` (lists,)."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        self.values = _map(_values(path), np.dtype(dtype))
        self.ends = _map(_ends(path), np.dtype(np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def span(self, index: int) -> tuple[int, int]:
        """Where list `index` begins and ends in `values`."""
        return (int(self.ends[index - 1]) if index else 0), int(self.ends[index])

    def __getitem__(self, index: int) -> np.ndarray:
        start, stop = self.span(index)
        return self.values[start:stop]

    def find(self, position: int) -> int:
        """The list that holds the item at `position` of `values`."""
        return int(np.searchsorted(self.ends, position, side="right"))


def _values(path: Path) -> Path:
    return path.with_name(path.name + ".values")


def _ends(path: Path) -> Path:
    return path.with_name(path.name + ".ends")


def _reopen(path: Path, n_bytes: int):
    file = path.open("ab")
    file.truncate(n_bytes)
    file.seek(0, os.SEEK_END)
    return file


def _map(path: Path, dtype: np.dtype) -> np.ndarray:
    if not path.exists():
        raise DataError(f"{path} is missing; remove its corpus directory and it is built again")
    if path.stat().st_size == 0:
        return np.empty(0, dtype)
    return np.memmap(path, dtype, mode="r")
