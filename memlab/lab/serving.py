"""The warm child: one process that answers requests, one at a time, so that torch is imported once and never in the app.

`python -m memlab.lab.serving [NICENESS]` reads lines of JSON from standard input and writes lines of JSON to standard output:

    {"id": 3, "do": "plan", "arguments": {…}}   a request; it supersedes an older one of the same `do`, waiting or under way
    {"cancel": 3}                               nobody waits for that any more

    {"id": 3, "begun": true}                    work on it has begun
    {"id": 3, "work": {"doing": …}}             how far it is
    {"id": 3, "found": {…}}                     a part of the answer
    {"id": 3, "answer": {…}}                    the end of it, or one of
    {"id": 3, "error": "…", "status": 2}        one of memlab's own errors, with the exit status that goes with it
    {"id": 3, "bug": "traceback"}
    {"id": 3, "superseded": true}               also where it was cancelled

It ends when its standard input does, so with its parent, whatever that one dies of.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from memlab import config
from memlab.errors import MemlabError
from memlab.homedir import find_home
from memlab.lab.stages import Kept, stages, without_text
from memlab.rundir import RunDir
from memlab.training import allocator
from memlab.training.failure import explain

_UPDATE_SECONDS = 0.1  # between two reports of how far a piece of work is
_LEAVE_SECONDS = 0.5  # for work under way to tidy up when the parent is gone

Send = Callable[[dict[str, Any]], None]


class SupersededError(Exception):
    """Raised in the middle of work whose answer nobody waits for any more."""


class Inbox:
    """Requests as they come in, read by a thread of its own; the newest of each kind counts."""

    def __init__(self, lines: TextIO, send: Send) -> None:
        self._lines, self._send = lines, send
        self._changed = threading.Condition()
        self._waiting: list[dict[str, Any]] = []
        self._current: dict[str, Any] | None = None
        self._is_stale = self._is_closed = False
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> dict[str, Any] | None:
        """The next request, waited for; None when there will be none any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._current = self._waiting.pop(0) if self._waiting and not self._is_closed else None
            self._is_stale = False
            return self._current

    def check(self) -> None:
        """Raise SupersededError where the request under way need not be answered."""
        if self._is_stale or self._is_closed:
            raise SupersededError

    def _read(self) -> None:
        for line in self._lines:
            message = json.loads(line)
            with self._changed:
                if "cancel" in message:
                    self._drop(lambda request, number=message["cancel"]: request["id"] == number)
                else:
                    self._drop(lambda request, kind=message["do"]: request["do"] == kind)
                    self._waiting.append(message)
                self._changed.notify()
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        time.sleep(_LEAVE_SECONDS)
        os._exit(0)

    def _drop(self, is_meant: Callable[[dict[str, Any]], bool]) -> None:
        for request in filter(is_meant, self._waiting):
            self._send({"id": request["id"], "superseded": True})
        self._waiting = [request for request in self._waiting if not is_meant(request)]
        if self._current and is_meant(self._current):
            self._is_stale = True


class Server:
    """Answers the requests of an inbox until it is closed."""

    def __init__(self, inbox: Inbox, send: Send) -> None:
        self._inbox, self._send = inbox, send
        self._home, self._kept = find_home(), Kept()
        self._doing, self._reported = "", 0.0

    def run(self) -> None:
        while request := self._inbox.next():
            self._send({"id": request["id"], "begun": True})
            self._doing = ""
            self._send({"id": request["id"], **self._answer(request)})

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"answer": getattr(self, "_" + request["do"])(request["id"], **request["arguments"])}
        except SupersededError:
            return {"superseded": True}
        except MemlabError as error:
            known = error
        except Exception as error:  # noqa: BLE001 - the other end raises it
            known = explain(error, _experiment_of(request))
            if known is None:
                return {"bug": traceback.format_exc()}
        return {"error": str(known), "status": known.exit_status}

    def _plan(self, number: int, experiment: dict[str, Any], again: bool = False) -> dict[str, Any]:
        """`again`: what was measured before does not count."""
        known: dict[str, Any] = {}
        if again:
            self._kept.forget("costs")
        for found in stages(config.from_dict(experiment), self._home, lambda *work: self._progress(number, *work), self._kept):
            self._inbox.check()
            self._send({"id": number, "found": found})
            known |= found
        return known

    def _count(self, number: int, experiment: dict[str, Any]) -> dict[str, Any]:
        return without_text(config.from_dict(experiment), lambda *work: self._progress(number, *work))

    def _predict(self, number: int, run: str, known_step: int | None) -> dict[str, Any]:
        from memlab.lab.predicting import predictions

        self._progress(number, "loading torch", 0, None, "")
        return predictions(RunDir(Path(run)), self._home, known_step, self._kept)

    def _attractor(self, number: int, run: str, wish: dict[str, Any]) -> dict[str, Any]:
        from memlab.lab.asked_often import Wish, attractor

        def found(part: dict[str, Any]) -> None:
            self._send({"id": number, "found": part})

        self._progress(number, "loading torch", 0, None, "")
        return attractor(
            RunDir(Path(run)), self._home, Wish.from_plain(wish), self._kept, found, lambda *work: self._progress(number, *work)
        )

    def _passage(self, number: int, run: str, checkpoint: str, row: int) -> dict[str, Any]:
        from memlab.lab.asked_often import passage_around
        from memlab.lab.remembering import kept_memory

        self._progress(number, "loading torch", 0, None, "")
        memory = kept_memory(RunDir(Path(run)), self._home, self._kept, checkpoint, lambda *work: self._progress(number, *work))
        return passage_around(memory, row)

    def _landscape(self, number: int, run: str, question: dict[str, Any], checkpoint: str, wish: dict[str, Any]) -> dict[str, Any]:
        """What is known of it so far is found as often as there is more; the last of it is complete."""
        from memlab.lab.landscape import asked_often

        self._progress(number, "loading torch", 0, None, "")
        report = lambda *work: self._progress(number, *work)  # noqa: E731
        for found in asked_often(RunDir(Path(run)), self._home, question, checkpoint, wish, self._kept, report):
            self._inbox.check()
            self._send({"id": number, "found": found})
        return {}

    def _tokens(self, number: int, run: str, question: dict[str, Any] | None, checkpoint: str, ranked: bool) -> dict[str, Any]:
        from memlab.lab.questions import Question
        from memlab.lab.read_often import read_often

        self._progress(number, "loading torch", 0, None, "")
        asked = Question(**question) if question else None
        report = lambda *work: self._progress(number, *work)  # noqa: E731
        for found in read_often(RunDir(Path(run)), self._home, asked, checkpoint, ranked, self._kept, report):
            self._inbox.check()
            self._send({"id": number, "found": found})
        return {}

    def _claims(self, number: int, run: str, measure: bool) -> dict[str, Any]:
        """Claim after claim; `measure`: take what is missing for them."""
        from dataclasses import asdict

        from memlab.lab.claims import each_claim

        self._progress(number, "loading torch", 0, None, "")
        report = lambda *work: self._progress(number, *work)  # noqa: E731
        step, found = each_claim(self._home, RunDir(Path(run)), progress=report, measure=measure)
        for claim in found:
            self._inbox.check()
            self._send({"id": number, "found": {"step": step, "claim": asdict(claim)}})
        return {}

    def _progress(self, number: int, doing: str, done: int, total: int | None, unit: str) -> None:
        self._inbox.check()
        if doing != self._doing or time.monotonic() > self._reported + _UPDATE_SECONDS:
            self._doing, self._reported = doing, time.monotonic()
            self._send({"id": number, "work": {"doing": doing, "done": done, "total": total, "unit": unit}})


def _experiment_of(request: dict[str, Any]) -> config.Experiment | None:
    return config.from_dict(request["arguments"]["experiment"]) if "experiment" in request["arguments"] else None


def _private_stdout() -> TextIO:
    """Where answers go. What a library prints goes to standard error from now on."""
    private = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return private


def _stand_back(niceness: int) -> None:
    """Others come first: on the processor, and where memory is used up."""
    os.nice(niceness)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # Linux: this process is ended before any trainer


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    out, lock = _private_stdout(), threading.Lock()

    def send(message: dict[str, Any]) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            out.write(json.dumps(message) + "\n")

    _stand_back(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    allocator.keep_freed_memory()  # before torch is imported
    Server(Inbox(sys.stdin, send), send).run()
    os._exit(0)  # taking torch down takes a second


if __name__ == "__main__":
    main()
