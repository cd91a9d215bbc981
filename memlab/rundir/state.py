"""Who owns a run and how it stands: state.json, replaced atomically, and what a reader derives from it."""

import dataclasses
import math
import os
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from memlab import config
from memlab.errors import ConfigError, RunError
from memlab.files import read_json, write_json
from memlab.rundir.events import is_number

Status = Literal["starting", "running", "stopping", "finished", "stopped", "failed", "lost"]
ACTIVE = ("starting", "running", "stopping")
HEARTBEAT_SECONDS = 5.0
LOST_AFTER_SECONDS = 60.0
_SAME_START_SECONDS = 2.0  # a process's start is counted from the boot, whose time the kernel rounds to seconds


@dataclass(frozen=True)
class State:
    """What a trainer says of itself. `status` is never 'lost': that is what a reader derives.

    `pid` and `started` (seconds since the epoch, to tell a reused pid) name the process that signals go to; `inode` is the number
    of the run directory, which a copy of it does not share; `heartbeat` is
    the writer's clock when it last replaced the file, and the file's modification time is refreshed in between. `work` is a
    long piece of work before training (building the corpus): doing, done, total (None: unknown), unit, since.
    """

    status: Status
    owner: str
    pid: int
    started: float
    host: str
    inode: int = 0
    step: int = 0
    steps: int = 0
    heartbeat: float = 0.0
    work: dict[str, Any] | None = None
    error: str = ""


def of_process(owner: str, pid: int) -> State:
    """The state of a process that is just starting on this machine."""
    import psutil  # here: listings and --help start without it

    return State(status="starting", owner=owner, pid=pid, started=psutil.Process(pid).create_time(), host=socket.gethostname())


def write(path: Path, state: State) -> None:
    write_json(path, dataclasses.asdict(dataclasses.replace(state, heartbeat=time.time())))


def read(path: Path) -> State | None:
    """The state as written, None where there is none yet. Raises RunError where the file is corrupt."""
    if not path.exists():
        return None
    table = read_json(path)
    try:
        known = {field.name: table[field.name] for field in dataclasses.fields(State) if field.name in table}
        found = config.build_options(State, known, "state")
        _check(found)
        return found
    except (TypeError, ValueError, ConfigError) as error:
        raise RunError(f"{path} is not a run's state: {error}; remove it, and the run can be resumed") from None


def _check(found: State) -> None:
    """Raise ValueError for what no trainer writes."""
    work = found.work or {"doing": "", "done": 0, "total": None, "unit": "", "since": 0.0}
    numbers = [found.pid, found.started, found.step, found.steps, found.heartbeat, *(work.get(key) for key in ("done", "since"))]
    words = [work.get(key) for key in ("doing", "unit")]
    if not (all(map(is_number, numbers)) and all(isinstance(word, str) for word in words)):
        raise ValueError("a number or a word of it is not one")
    if work.get("total") is not None and not is_number(work["total"]):
        raise ValueError("the total of its work is not a number")


def derived(path: Path, state: State) -> Status:
    """The status that a reader shows: an active state whose process is gone, or that is silent, is `lost`."""
    if state.status not in ACTIVE:
        return state.status
    if state.host == socket.gethostname():
        return state.status if is_alive(state) and not is_copy(path, state) else "lost"
    return state.status if _silence(path) < LOST_AFTER_SECONDS else "lost"


def is_alive(state: State) -> bool:
    """Whether the very process that wrote the state runs on this machine (not a zombie, not another with its pid)."""
    import psutil  # here: listings and --help start without it

    try:
        process = psutil.Process(state.pid)
        same = abs(process.create_time() - state.started) < _SAME_START_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError):  # ValueError: a number that no process can have
        return False


def is_copy(path: Path, state: State) -> bool:
    """Whether the directory of this state file is a copy, made on this machine, of the one that the state was written in."""
    return bool(state.inode) and state.host == socket.gethostname() and path.parent.stat().st_ino != state.inode


def touch(path: Path) -> None:
    """The heartbeat between two writes, by the file system's own clock."""
    os.utime(path)


def _silence(path: Path) -> float:
    """Seconds since the last heartbeat by the file system's clock where the directory can be written, else by this machine's."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            now = os.fstat(probe.fileno()).st_mtime
    except OSError:
        now = time.time()
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:  # removed meanwhile
        return math.inf
