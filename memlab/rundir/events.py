"""The event log: append-only rows of JSON, readable while they are written and after any crash."""

import json
import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from memlab.errors import RunError
from memlab.files import explained

Row = dict[str, Any]

_HUGE = 1e300


def append(path: Path, row: Row) -> None:
    """Add one row in a single flushed write; NaN and infinity become null. A line torn by an earlier crash is closed first."""
    line = json.dumps(_plain(row), allow_nan=False) + "\n"
    with explained(path, "writing"), path.open("ab+") as file:
        if file.tell() and not _ends_with_newline(file):
            line = "\n" + line
        file.write(line.encode())


class Follower:
    """Reads a growing event log piece by piece: `poll()` returns the rows that are new since the last call.

    With kinds, rows of other kinds are passed over, most of them unparsed; the last one of each call is kept all the same, since it says
    how far the run is.
    """

    def __init__(self, path: Path, kinds: Collection[str] | None = None) -> None:
        self.path = path
        self.kinds = kinds
        self._words = [kind.encode() for kind in kinds or ()]
        self._offset = 0

    def poll(self) -> list[Row]:
        """New whole rows. An unfinished last line is left for the next call; a line that is not a row is passed over.

        Raises RunError where the log cannot be read.
        """
        rows, last = [], b""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offset += len(line)
                    last = b"" if self._is_wanted(line) else line
                    if not last and (row := _parse(line)) is not None:
                        rows.append(row)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunError(f"{self.path} cannot be read: {error.strerror or error}") from None
        return rows + [row for row in (_parse(last),) if row is not None]

    def _is_wanted(self, line: bytes) -> bool:
        return not self._words or any(word in line for word in self._words)


def settle(rows: Iterable[Row]) -> list[Row]:
    """What happened in the end: a `resumed` row drops the rows of earlier attempts beyond its `from_step`."""
    kept: list[Row] = []
    for row in rows:
        if row["kind"] == "resumed":
            kept = [earlier for earlier in kept if earlier["step"] <= row["from_step"]]
        kept.append(row)
    return kept


def read(path: Path) -> list[Row]:
    """All settled rows of a log; none where there is no log yet."""
    return settle(Follower(path).poll())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ends_with_newline(file: Any) -> bool:
    file.seek(-1, 2)
    return file.read(1) == b"\n"


def _parse(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    usable = isinstance(row, dict) and isinstance(row.get("kind"), str) and _is_step(row.get("step", 0))
    if not usable or (row["kind"] == "resumed" and not _is_step(row.get("from_step"))):
        return None
    return {"step": 0, **row}


def is_number(value: Any) -> bool:
    """Whether it is a finite number that a float holds: a file that was edited or damaged may have anything."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE


def _is_step(value: Any) -> bool:
    return is_number(value) and isinstance(value, int)
