"""The other end of `lab.serving`: one child process, started when it is first needed, asked from any thread, ended with its parent."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlab.errors import MemlabError, UsageError
from memlab.training import launch

Message = dict[str, Any]
Receive = Callable[[Message], None]
Progress = Callable[[dict[str, Any]], None]

ENDS = ("answer", "error", "bug", "superseded")  # a message with one of these is the last of its request
_PATIENCE_SECONDS = 3.0  # for superseded work to stop by itself, before its process is ended
_CLOSE_SECONDS = 3.0


@dataclass
class _Request:
    number: int
    do: str
    arguments: dict[str, Any]
    receive: Receive
    has_begun: bool = False
    is_superseded: bool = False


class Child:
    """Requests to the child process. `niceness` is how far it stands back behind others on the processor.

    A request's `receive` is called from a thread of this class, with the messages of `lab.serving`.
    """

    def __init__(self, home: Path, niceness: int = 0) -> None:
        self._home, self._niceness = home, niceness
        self._lock = threading.RLock()
        self._process: subprocess.Popen | None = None
        self._starter: threading.Thread | None = None  # while a process is being started
        self._reader: threading.Thread | None = None
        self._open: dict[int, _Request] = {}
        self._last = 0
        self._is_closed = False

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process that answers at the moment; None while none is needed."""
        return self._process.pid if self._process else None

    def ask(self, do: str, arguments: dict[str, Any], receive: Receive) -> int:
        """Ask for something; the number of the request. The newest request of a kind counts: an older one ends as superseded."""
        with self._lock:
            self._last += 1
            for older in self._open.values():
                if older.do == do:
                    self._supersede(older)
            request = self._open[self._last] = _Request(self._last, do, arguments, receive)
            if self._process:
                self._send(request)
            elif self._starter is None:
                self._start()
            return request.number

    def cancel(self, number: int) -> None:
        """Nobody waits for this answer any more; it may have come already."""
        with self._lock:
            request = self._open.get(number)
            if request and self._process:
                self._supersede(request)
                self._write({"cancel": number})
                request = None
            elif request:  # the process is only being started
                del self._open[number]
        if request:
            request.receive({"id": number, "superseded": True})

    def call(self, do: str, arguments: dict[str, Any], progress: Progress = lambda work: None) -> Any:
        """Ask, and wait for the answer. Raises the error that the work ended with."""
        messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.ask(do, arguments, messages.put)
        while True:
            message = messages.get()
            if "work" in message:
                progress(message["work"])
            if "answer" in message:
                return message["answer"]
            if failure := failure_of(message):
                raise failure

    def close(self) -> None:
        """End the process; requests that are open are not answered any more."""
        with self._lock:
            self._is_closed = True
            self._open.clear()
            starter = self._starter
        if starter:
            starter.join()
        with self._lock:
            process, reader = self._process, self._reader
            if process:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
        if process:
            try:
                process.wait(_CLOSE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if reader and reader is not threading.current_thread():
            reader.join()

    def _start(self) -> None:
        """Have a process started, on a thread of its own: that takes long enough to be felt."""
        self._starter = threading.Thread(target=self._launch, daemon=True)
        self._starter.start()

    def _launch(self) -> None:
        try:
            complaints = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by the thread that reads it
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "memlab.lab.serving", str(self._niceness)],  # -P: nothing of the directory of now is imported
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                encoding="utf-8",
                env=launch.environment(self._home),
            )
        except OSError as error:
            self._give_up(f"the process that measures cannot be started: {error}")
            return
        with self._lock:
            self._process, self._starter = process, None
            self._reader = threading.Thread(target=self._read, args=(process, complaints), daemon=True)
            self._reader.start()
            for request in self._open.values():
                self._send(request)

    def _give_up(self, why: str) -> None:
        """Answer all that is open with the reason why nothing will come of it; the next request tries again."""
        with self._lock:
            self._starter = None
            waiting = list(self._open.values())
            self._open.clear()
        for request in waiting:
            request.receive({"id": request.number, "error": why, "status": 1})

    def _send(self, request: _Request) -> None:
        self._write({"id": request.number, "do": request.do, "arguments": request.arguments})

    def _write(self, message: Message) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has just died, and may be closed: the reader thread sees to that
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _supersede(self, request: _Request) -> None:
        request.is_superseded = True
        if request.has_begun:
            self._watch(request)

    def _watch(self, request: _Request) -> None:
        """End the process if the request has not come to its end in time."""

        def look() -> None:
            with self._lock:
                if request.number in self._open and self._process:
                    self._process.kill()

        timer = threading.Timer(_PATIENCE_SECONDS, look)
        timer.daemon = True
        timer.start()

    def _read(self, process: subprocess.Popen, complaints: Any) -> None:
        for line in process.stdout:
            self._pass_on(json.loads(line))
        process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        complaints.seek(0)
        words = complaints.read().decode(errors="replace").strip()
        complaints.close()
        for request, message in self._bury(process, words):
            request.receive({"id": request.number, **message})

    def _pass_on(self, message: Message) -> None:
        with self._lock:
            request = self._open.get(message["id"])
            if request is None:
                return
            if "begun" in message:
                request.has_begun = True
                if request.is_superseded:
                    self._watch(request)
            if any(end in message for end in ENDS):
                del self._open[message["id"]]
            elif request.is_superseded:
                return
        request.receive(message)

    def _bury(self, process: subprocess.Popen, complaints: str) -> list[tuple[_Request, Message]]:
        """What to tell the open requests now that the process is gone; those that it had not begun go to a new one."""
        with self._lock:
            self._process = self._reader = None
            failure = (
                {"bug": complaints} if "Traceback" in complaints else {"error": _last_words(process.returncode, complaints), "status": 1}
            )
            dead = [request for request in self._open.values() if request.has_begun or request.is_superseded]
            if not dead:  # it did not get so far as to begin with anything: neither would the next one
                dead = list(self._open.values())
            for request in dead:
                del self._open[request.number]
            if self._open and not self._is_closed:
                self._start()
            return [(request, {"superseded": True} if request.is_superseded else failure) for request in dead]


def failure_of(message: Message) -> Exception | None:
    """The exception that the last message of a request stands for; None for an answer."""
    if "error" in message:
        return (UsageError if message["status"] == UsageError.exit_status else MemlabError)(message["error"])
    if "bug" in message:
        return RuntimeError(f"the child process failed\n{message['bug']}")
    return MemlabError("a newer request came before the answer") if "superseded" in message else None


def _last_words(status: int, complaints: str) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        return f"the process that measures was ended by {name}, perhaps because memory was used up; try a smaller size, batch or context"
    return complaints.splitlines()[-1] if complaints else f"the process that measures ended with status {status}"
