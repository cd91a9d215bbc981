"""All runs of a home, followed while they are made, written, stopped and removed: what a screen that lists them needs."""

import math
import os
import time
from pathlib import Path
from typing import Any

from memlab.errors import MemlabError, RunError
from memlab.home import runs_of
from memlab.lab.listing import LISTED_KINDS, row_of, unreadable_row
from memlab.lab.screen import work_words
from memlab.lab.view import RunView, work_of
from memlab.rundir import RunDir

_ALIVE_SECONDS = 2.0  # between two looks whether a trainer that has written nothing is still there

Row = dict[str, Any]


class Runs:
    """Follows every run of a home; `poll()` reads what is new, `rows()` answers from what was read.

    Names, states and sizes come first. The logs follow, newest run first, in slices of time.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._followed: dict[Path, _Followed] = {}

    def poll(self, seconds: float = math.inf) -> bool:
        """Look for new and removed runs and read logs for the first time, for about so many seconds; when none is left, look for changes.

        Returns whether a row has changed. Raises RunError where the home cannot be read.
        """
        deadline = time.monotonic() + seconds
        before = {path: one.row for path, one in self._followed.items()}
        self._list()
        newest_first = list(reversed(self._followed.values()))
        for one in [one for one in newest_first if not one.row["is_read"]] or newest_first:
            one.poll()
            if time.monotonic() > deadline and not self.is_complete:
                break
        return before != {path: one.row for path, one in self._followed.items()}

    def rows(self) -> list[Row]:
        """One row a run as in `memlab runs`, oldest first.

        `is_read` is false until its log has been read: figures may be missing. `doing` is what a starting trainer is busy with.
        """
        return [one.row for one in self._followed.values()]

    @property
    def is_complete(self) -> bool:
        """Whether every log has been read once."""
        return all(one.row["is_read"] for one in self._followed.values())

    def _list(self) -> None:
        try:
            runs = {run.path: run for run in runs_of(self.home)}
        except OSError as error:
            raise RunError(f"{self.home / 'runs'} cannot be listed: {error.strerror or error}") from None
        self._followed = {path: self._followed.get(path) or _Followed(run) for path, run in runs.items()}


class _Followed:
    """One run and its row, made anew when its files change."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.row: Row = {}
        self._open()

    def poll(self) -> None:
        """Read what is new, if anything is."""
        stamp = _stamp(self.run)
        if self.row["is_read"] and stamp == self._stamp and not self._may_be_gone():
            return
        is_another = stamp[2:] != self._stamp[2:]  # in what it was started with and what it was made of
        self._stamp, self._looked = stamp, time.monotonic()
        try:
            if self._view is None or is_another:
                self._open()
            if self._view is not None:
                self._view.poll()
                self._describe(is_read=True)
        except MemlabError as error:
            self._fail(error)

    def _open(self) -> None:
        """Everything but the log."""
        self._stamp, self._looked = _stamp(self.run), time.monotonic()
        try:
            self._experiment = self.run.original()
            self._view = RunView(self.run, LISTED_KINDS, log=False)
            self._describe(is_read=False)
        except MemlabError as error:
            self._fail(error)

    def _describe(self, is_read: bool) -> None:
        work = work_of(self._view)
        doing = work_words(work) if work else ""
        self.row = {**row_of(self._view, self._experiment), "is_read": is_read, "doing": doing}

    def _fail(self, error: MemlabError) -> None:
        self._view = None  # from the start again when a file changes
        self.row = {**unreadable_row(self.run, error), "is_read": True, "doing": ""}

    def _may_be_gone(self) -> bool:
        return self._view is not None and self._view.is_active and time.monotonic() - self._looked > _ALIVE_SECONDS


def _stamp(run: RunDir) -> tuple[tuple[int, int] | None, ...]:
    """What changes whenever one of the files behind a row does."""
    return tuple(map(_signature, (run.state_path, run.events_path, run.provenance_path, run.config_path)))


def _signature(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
