"""Files that are whole or absent: atomic writes, locks, and errors that name the path."""

import contextlib
import errno
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memlab.errors import RunError, UsageError

_MOVES = {
    errno.ENOSPC: "free some space there, or choose another place with --home",
    errno.EDQUOT: "free some space there, or choose another place with --home",
    errno.EACCES: "choose a place that you may write to with --home or MEMLAB_HOME",
    errno.EPERM: "choose a place that you may write to with --home or MEMLAB_HOME",
    errno.EROFS: "choose another place with --home or MEMLAB_HOME",
    errno.EEXIST: "choose another name",
    errno.ENOTEMPTY: "choose another name",
}


@contextlib.contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn the operating system's refusals into one line that names the path: no space, no permission, a full quota, a broken disk."""
    try:
        yield
    except OSError as error:
        move = _MOVES.get(error.errno, "")
        raise RunError(f"{doing} {path} failed: {error.strerror or error}{move and '; '}{move}") from error


def require_writable(path: Path, name: str) -> None:
    """Raise UsageError where no file can be written, before anything is computed for it. `name`: the option that the path is given to."""
    problem = ""
    if not os.path.isdir(path.parent):
        problem = f"but there is no folder {path.parent}; make it first, or name another"
    elif os.path.isdir(path):
        problem = "which is a folder; name a file in it"
    elif not os.access(path if os.path.exists(path) else path.parent, os.W_OK):
        problem = "where you may not write; choose another place"
    if problem:
        raise UsageError(f"{name} is '{path}', {problem}")


def write_atomic(path: Path, text: str) -> None:
    """Replace the file's content in one step: a reader sees the old text or the new one, also after a crash."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with explained(path, "writing"):
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of indented JSON, in ASCII; NaN and infinity are not JSON and raise ValueError."""
    write_atomic(path, json.dumps(value, indent=2, allow_nan=False) + "\n")  # escaped, so that a path that is not UTF-8 survives


def read_json(path: Path) -> Any:
    """The file's JSON. Raises RunError naming the file where it is missing or corrupt."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None


def sync_directory(path: Path) -> None:
    """Make a rename inside the directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lock(path: Path, *, wait: bool = True, shared: bool = False) -> Iterator[bool]:
    """Hold an advisory lock on a file, made if need be; yields whether it was had. Freed by the system when the process ends."""
    with explained(path, "locking"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with explained(path, "locking"):
            held = _flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        yield held
    finally:
        os.close(descriptor)


def _flock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode)
    except BlockingIOError:
        return False
    return True
