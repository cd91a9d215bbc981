"""Removing a run with everything in it."""

import os
import secrets
import shutil
from pathlib import Path

from memlab.errors import RunError, UsageError
from memlab.files import explained
from memlab.rundir import RunDir


def require_removable(run: RunDir) -> None:
    """Raise UsageError where the run is being trained."""
    try:
        active = run.is_active()
    except RunError:  # its state is damaged: no trainer goes on with that
        active = False
    if active:
        raise UsageError(f"run '{run.name}' is being trained; `memlab stop {run.word}` first")


def remove(run: RunDir) -> None:
    """Remove the directory: it is gone in one step, whatever happens while its files are deleted. Raises RunError, UsageError."""
    require_removable(run)
    with explained(run.path, "removing"):
        hidden = run.path.with_name(f".{run.name}.{secrets.token_hex(4)}")
        os.rename(run.path, hidden)
        shutil.rmtree(hidden)


def size(path: Path) -> int:
    """Bytes of a file, or of all files under a directory."""
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
