"""One trainer per run directory: a claim made under a lock when it is launched, checked before everything it writes."""

import contextlib
import dataclasses
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from memlab.errors import RunError
from memlab.files import lock, write_json
from memlab.rundir import RunDir, events, state


def claim(run: RunDir, changes: dict[str, Any], spawn: Callable[[str], int]) -> str:
    """Give the directory to a new trainer: `spawn(owner)` starts its process and returns the pid.

    Records the attempt with its changed settings, removes an earlier STOP and writes the first state, all under one lock.
    Returns the owner id. Raises RunError where another trainer is at work.
    """
    with lock(run.path / ".lock"):
        if run.is_active():
            raise _taken(run)
        owner = secrets.token_hex(8)
        before, provenance = run.state(), run.provenance()
        run.stop_path.unlink(missing_ok=True)
        now = dataclasses.replace(state.of_process(owner, spawn(owner)), inode=run.path.stat().st_ino)  # it waits for the lock
        attempts = [*provenance.get("attempts", []), {"owner": owner, "started": time.time(), "changes": changes}]
        write_json(run.provenance_path, {**provenance, "attempts": attempts})
        state.write(run.state_path, dataclasses.replace(now, step=before.step, steps=before.steps) if before else now)
    return owner


class Ownership:
    """A trainer's hold on its directory. Every write checks that the directory has not been given to another since."""

    def __init__(self, run: RunDir, owner: str) -> None:
        """Raises RunError where the directory belongs to another trainer."""
        self.run = run
        self.owner = owner
        with lock(run.path / ".lock"):  # the launcher holds it until it has written this process's id
            self._checked()
        self.attempt = len(run.provenance()["attempts"])
        self._released = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def update(self, **fields: Any) -> None:
        """Replace state.json with these fields changed."""
        state.write(self.run.state_path, dataclasses.replace(self._checked(), **fields))

    def event(self, kind: str, **fields: Any) -> None:
        """Append a row to the event log."""
        self._checked()
        events.append(self.run.events_path, {"attempt": self.attempt, "kind": kind, **fields})

    def provenance(self, **fields: Any) -> None:
        """Add to provenance.json."""
        self._checked()
        write_json(self.run.provenance_path, {**self.run.provenance(), **fields})

    def end(self, status: state.Status, error: str = "") -> None:
        """The last word."""
        self.release()
        self.update(status=status, error=error, work=None)

    def release(self) -> None:
        """Stop the heartbeat."""
        self._released.set()

    def _checked(self) -> state.State:
        now = self.run.state()
        if now is None or now.owner != self.owner:
            raise RunError(f"run '{self.run.name}' now belongs to another trainer; this one leaves without writing")
        return now

    def _beat(self) -> None:
        while not self._released.wait(state.HEARTBEAT_SECONDS):
            with contextlib.suppress(OSError, RunError):  # the disk's passing trouble, or another's directory: the next write says it
                self._checked()
                state.touch(self.run.state_path)


class Membership:
    """The part of one of several processes of a trainer that does not lead: it writes nothing, except for why it failed."""

    attempt = 0

    def __init__(self, run: RunDir, owner: str) -> None:
        self.run = run
        self.owner = owner

    def update(self, **fields: Any) -> None:
        pass

    def event(self, kind: str, **fields: Any) -> None:
        pass

    def provenance(self, **fields: Any) -> None:
        pass

    def end(self, status: state.Status, error: str = "") -> None:
        """Say why this process failed, unless another has ended the run already: the first reason is the one that counts."""
        now = self.run.state()
        if status == "failed" and now and now.owner == self.owner and now.status in state.ACTIVE:
            state.write(self.run.state_path, dataclasses.replace(now, status=status, error=error, work=None))


def _taken(run: RunDir) -> RunError:
    now = run.state()
    return RunError(
        f"run '{run.name}' is being trained by process {now.pid} on {now.host}; "
        f"`memlab watch {run.word}` shows it, `memlab stop {run.word}` ends it"
    )
