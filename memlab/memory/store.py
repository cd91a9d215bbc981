"""A pattern store on disk: one memory-mapped array per layer and a table of where each row came from. Whole or absent.

    PATH/  meta.json         format, rows, layers, how positions were chosen, the budget and what it left out
           LAYER.npy         (P, C), as numpy reads it
           origins.parquet   document, offset, next_token of each row

It is built beside its place, in `PATH.building`, in batches that only append; a build that was killed goes on after its last `sync`.
"""

import contextlib
import functools
import io
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from memlab.errors import DataError, RunError, UnknownName, UsageError, did_you_mean
from memlab.files import explained, lock, read_json, sync_directory, write_json

FORMAT = 1  # raise it whenever older stores can no longer be read
_META, _ORIGINS, _PROGRESS = "meta.json", "origins.parquet", "progress.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_ROW = np.dtype([("document", "<i8"), ("offset", "<i8"), ("next_token", "<i4")])
_ROWS_AT_ONCE = 1 << 16


class Origin(NamedTuple):
    """Where a pattern came from: its document, the offset of its token there, and the token that follows it (-1 where none does)."""

    document: int
    offset: int
    next_token: int


@dataclass(frozen=True)
class Plan:
    """What a store is to hold; two builds of the same plan make the same store. All but `dtype` and sizes are plain values for people.

    layers: name to width, in the order of the model. n_rows: how many patterns. positions: how they were chosen. budget: bytes, 0 for no
    limit. left_out: how many positions the budget left out. about: what the states come from (checkpoint, text).
    """

    layers: dict[str, int]
    n_rows: int
    dtype: Literal["float32", "float16"] = "float32"
    positions: dict[str, Any] = field(default_factory=dict)
    budget: int = 0
    left_out: int = 0
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, width in self.layers.items():
            if not _NAME.fullmatch(name) or width < 1:
                raise UsageError(
                    f"a layer is named '{name}' and {width} wide; names are small letters, digits and hyphens, widths positive"
                )
        if not self.layers or self.n_rows < 1:
            raise UsageError(f"a store of {self.n_rows} rows and {len(self.layers)} layers holds nothing; plan at least one of each")


class PatternStore:
    """A finished store, memory-mapped. `meta` is what meta.json says, `layers` the names, in the order of the model."""

    def __init__(self, path: Path) -> None:
        """Raises RunError where there is no store, or one that this version cannot read."""
        self.path = path
        self.meta: dict[str, Any] = read_json(path / _META)
        if self.meta.get("format") != FORMAT:
            raise RunError(f"{path} has format {self.meta.get('format')}, not {FORMAT}; remove it and it is built again")
        self.layers: list[str] = list(self.meta["layers"])

    def __len__(self) -> int:
        return self.meta["n_rows"]

    def holds(self, plan: Plan) -> bool:
        """Whether it is what this plan makes."""
        return self.meta == _recorded(plan)

    def layer(self, k: int | str) -> np.ndarray:
        """The patterns of layer `k`, by number or by name: a read-only memory map (P, C)."""
        name = self.layers[k] if isinstance(k, int) and -len(self.layers) <= k < len(self.layers) else k
        if name not in self.layers:
            raise UnknownName(f"the store has no layer '{k}'{did_you_mean(str(k), self.layers)}")
        path = self.path / f"{name}.npy"
        try:
            array = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise RunError(f"{path} cannot be read: {error}; remove {self.path} and it is built again") from None
        if array.shape != (len(self), self.meta["layers"][name]):
            raise RunError(
                f"{path} has the shape {array.shape}, not the one that it was written with; remove {self.path} to build it again"
            )
        return array

    def where(self, i: int) -> Origin:
        """Where row `i` came from."""
        if not 0 <= i < len(self):
            raise UsageError(f"row {i} is not in the store; it has {len(self)}, numbered from 0")
        return Origin(*(int(self.origins[name][i]) for name in _ROW.names))

    @functools.cached_property
    def origins(self) -> dict[str, np.ndarray]:
        """`document`, `offset` and `next_token` of every row: (P,) each."""
        path = self.path / _ORIGINS
        try:
            table = pq.read_table(path, memory_map=True)
            columns = {name: table[name].to_numpy() for name in _ROW.names}
        except (OSError, KeyError, pa.ArrowException) as error:
            raise RunError(f"{path} cannot be read: {error}; remove {self.path} and it is built again") from None
        if len(table) != len(self):
            raise RunError(f"{path} has {len(table)} rows, not {len(self)}; remove {self.path} and it is built again")
        return columns


def open_store(path: Path) -> PatternStore:
    """The finished store at a path. Raises RunError where there is none."""
    return PatternStore(path)


def bytes_per_row(layers: Mapping[str, int], dtype: str = "float32") -> int:
    """What a row of these layers takes, with its origin before compression."""
    return sum(layers.values()) * np.dtype(dtype).itemsize + _ROW.itemsize


def rows_within(budget: int, layers: Mapping[str, int], dtype: str = "float32") -> int:
    """How many rows of these layers fit into so many bytes."""
    return budget // bytes_per_row(layers, dtype)


def sample_rows(n_positions: int, n_rows: int, seed: int) -> np.ndarray:
    """Which of `n_positions` positions are stored where not all can be: `n_rows` numbers drawn without repetition, ascending, int64."""
    if n_rows >= n_positions:
        return np.arange(n_positions)
    return np.sort(np.random.default_rng(seed).choice(n_positions, n_rows, replace=False, shuffle=False))


@contextlib.contextmanager
def building(path: Path, plan: Plan) -> Iterator["StoreWriter"]:
    """A writer of the store at `path`, which nobody else writes meanwhile; what an earlier build of this plan has synced is kept.

    Nothing is at `path` until `finish`. Raises RunError where another process builds it, or where it cannot be written.
    """
    with lock(path.with_name(f".{path.name}.lock"), wait=False) as held:
        if not held:
            raise RunError(f"{path} is being built by another process; wait for it, or stop it")
        with contextlib.closing(StoreWriter(path, plan)) as writer:
            yield writer


class StoreWriter:
    """Appends rows to a store; `n_rows` are in it already. Use it through `building`."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self._aside = path.with_name(f"{path.name}.building")
        self.n_rows = self._rows_done()
        with explained(self._aside, "writing"), contextlib.ExitStack() as files:
            self._origins = files.enter_context(_reopened(self._aside / "origins.raw", b"", self.n_rows * _ROW.itemsize))
            self._layers = {
                name: files.enter_context(_reopened(self._file(name), self._header(name, 0), self.n_rows * width * self._dtype.itemsize))
                for name, width in plan.layers.items()
            }
            self._files = files.pop_all()

    def add(self, states: Mapping[str, np.ndarray], documents: np.ndarray, offsets: np.ndarray, next_tokens: np.ndarray) -> None:
        """Append n rows: of every layer its states (n, C), and where they came from, (n,) each.

        Raises DataError for states that are not finite in the store's type, or that do not fit the plan.
        """
        origins = np.empty(len(documents), _ROW)
        origins["document"], origins["offset"], origins["next_token"] = documents, offsets, next_tokens
        if self.n_rows + len(origins) > self.plan.n_rows:
            raise DataError(f"{self.n_rows + len(origins)} rows are more than the {self.plan.n_rows} that were planned")
        rows = {name: self._checked(name, states[name], len(origins)) for name in self.plan.layers}
        with explained(self._aside, "writing"):
            self._origins.write(origins.tobytes())
            for name, file in self._layers.items():
                file.write(rows[name].tobytes())
        self.n_rows += len(origins)

    def sync(self) -> None:
        """Make the rows so far durable: a build that is killed goes on after them."""
        with explained(self._aside, "writing"):
            for file in (self._origins, *self._layers.values()):
                file.flush()
                os.fsync(file.fileno())
        write_json(self._aside / _PROGRESS, {"plan": _recorded(self.plan), "rows": self.n_rows})

    def finish(self) -> PatternStore:
        """Put the store in its place, replacing an older one. Raises RunError where rows are missing."""
        if self.n_rows != self.plan.n_rows:
            raise RunError(f"{self.path} has {self.n_rows} of the {self.plan.n_rows} rows that were planned")
        self.sync()
        self.close()
        with explained(self.path, "writing"):
            for name in self.plan.layers:
                _write_synced(self._file(name), self._header(name, self.n_rows))
            self._write_table()
            write_json(self._aside / _META, _recorded(self.plan))
            (self._aside / "origins.raw").unlink()
            (self._aside / _PROGRESS).unlink()
            sync_directory(self._aside)
            if self.path.exists():
                shutil.rmtree(self.path)
            os.rename(self._aside, self.path)
            sync_directory(self.path.parent)
        return PatternStore(self.path)

    def close(self) -> None:
        """Also after an error: what a file still held back would reach the disk later, in the middle of a continued build."""
        with explained(self._aside, "writing"):
            self._files.close()

    @property
    def _dtype(self) -> np.dtype:
        return np.dtype(self.plan.dtype).newbyteorder("<")

    def _rows_done(self) -> int:
        """The rows that an earlier build of the same plan has synced; what any other has left is removed."""
        record = self._aside / _PROGRESS
        with explained(self._aside, "making"):
            if record.exists():
                done = read_json(record)
                if done["plan"] == _recorded(self.plan):
                    return done["rows"]
            shutil.rmtree(self._aside, ignore_errors=True)
            self._aside.mkdir(parents=True)
        return 0

    def _file(self, layer: str) -> Path:
        return self._aside / f"{layer}.npy"

    def _header(self, layer: str, n_rows: int) -> bytes:
        """The beginning of a .npy file; numpy pads it so that it has the same length for any number of rows."""
        buffer = io.BytesIO()
        shape = (n_rows, self.plan.layers[layer])
        np.lib.format.write_array_header_1_0(buffer, {"descr": self._dtype.str, "fortran_order": False, "shape": shape})
        return buffer.getvalue()

    def _checked(self, layer: str, states: np.ndarray, n_rows: int) -> np.ndarray:
        shape = (n_rows, self.plan.layers[layer])
        if np.shape(states) != shape:
            raise DataError(f"states of layer '{layer}' have the shape {np.shape(states)}; {shape} was planned")
        with np.errstate(over="ignore"):
            rows = np.asarray(states).astype(self._dtype)
        bad = ~np.isfinite(rows).all(1)
        if bad.any():
            row = self.n_rows + int(bad.argmax())
            raise DataError(f"the state of layer '{layer}' in row {row} is not finite as {self.plan.dtype}; the model has diverged")
        return rows

    def _write_table(self) -> None:
        """The origins as Parquet, a piece at a time."""
        raw = np.memmap(self._aside / "origins.raw", _ROW, mode="r")
        schema = pa.schema([(name, pa.from_numpy_dtype(_ROW[name])) for name in _ROW.names])
        path = self._aside / _ORIGINS
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for start in range(0, len(raw), _ROWS_AT_ONCE):
                part = raw[start : start + _ROWS_AT_ONCE]
                writer.write_table(pa.table({name: np.ascontiguousarray(part[name]) for name in _ROW.names}, schema=schema))
        _write_synced(path, b"")


def _recorded(plan: Plan) -> dict[str, Any]:
    return json.loads(json.dumps({"format": FORMAT, **asdict(plan)}))  # as it will be read


@contextlib.contextmanager
def _reopened(path: Path, header: bytes, n_bytes: int) -> Iterator[io.BufferedWriter]:
    """A file open for appending, cut back to its header and so many bytes."""
    with path.open("ab") as file:
        file.truncate(len(header) + n_bytes if n_bytes else 0)
        file.seek(0, os.SEEK_END)
        if not n_bytes:
            file.write(header)
        yield file


def _write_synced(path: Path, start: bytes) -> None:
    """Replace the first bytes of a file, and make all of it durable."""
    with path.open("r+b") as file:
        file.write(start)
        file.flush()
        os.fsync(file.fileno())
