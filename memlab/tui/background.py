"""Work away from the screen's thread: files, pictures, processes."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from textual.message_pump import MessagePump

from memlab.errors import MemlabError


def run(pump: MessagePump, work: Callable[[], Any], then: Callable[[Any], Any], failed: Callable[[MemlabError], Any]) -> None:
    """Do the work in a thread of its own and call `then(result)`, or `failed(error)`, on the thread of the pump.

    The thread is a daemon: a disk that does not answer keeps nobody from leaving. A bug of ours ends the app with its traceback.
    """

    def worker() -> None:
        try:
            result = work()
        except MemlabError as error:
            _hand(pump, failed, error)
        except Exception as error:  # noqa: BLE001 - raised again where the app sees it
            _hand(pump, _raise, error)
        else:
            _hand(pump, then, result)

    threading.Thread(target=worker, daemon=True).start()


def _hand(pump: MessagePump, function: Callable[[Any], Any], value: Any) -> None:
    try:
        pump.call_later(function, value)
    except RuntimeError:  # the app has ended meanwhile, and its loop with it
        return


def _raise(error: Exception) -> None:
    raise error


class Pace:
    """Keeps work that is done again and again below a share of one processor, and so many seconds apart at least."""

    def __init__(self, share: float, seconds: float) -> None:
        self._share, self._seconds = share, seconds
        self._next = 0.0

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    @contextlib.contextmanager
    def work(self) -> Iterator[None]:
        """One piece of it, on the thread whose processor time counts."""
        began = time.thread_time()
        yield
        self._next = time.monotonic() + max(self._seconds, (time.thread_time() - began) / self._share)


class Repeating:
    """Calls a function again and again on a thread of its own, one call after the other; it returns the seconds until the next.

    An exception that gets out of it is a bug of ours, and ends the app.
    """

    def __init__(self, pump: MessagePump, function: Callable[[], float]) -> None:
        self._pump, self._function = pump, function
        self._woken, self._ended = threading.Event(), False
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Do not wait for the next call."""
        self._woken.set()

    def end(self) -> None:
        """No further call; the one at work is not waited for long."""
        self._ended = True
        self._woken.set()

    def _repeat(self) -> None:
        try:
            while not self._ended:
                self._woken.clear()
                self._woken.wait(self._function())
        except Exception as error:  # noqa: BLE001 - raised again where the app sees it
            _hand(self._pump, _raise, error)
