"""How a trainer is asked to save and leave: by a signal, or by a STOP file in its run directory. Imports no torch."""

import signal
import time
from pathlib import Path
from typing import Any

SIGNALS = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
_LOOK_SECONDS = 0.1  # between looks for a STOP file: it may lie on a network file system


class StopRequested(Exception):
    """Raised where a signal or a STOP file asks the trainer to save and leave."""


class StopSwitch:
    """Raises StopRequested at the next `check()` after a signal or a STOP file.

    `launch` holds the signals back while it starts a trainer; they are let in here, so that none arrives before it is understood.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._asked, self._looked = path, False, 0.0
        for number in SIGNALS:
            signal.signal(number, self._ask)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def check(self) -> None:
        if self.asked():
            raise StopRequested

    def asked(self) -> bool:
        """Whether somebody has asked by now."""
        now = time.monotonic()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            self._asked = self._asked or self._path.exists()
        return self._asked

    def _ask(self, number: int, frame: Any) -> None:
        self._asked = True
