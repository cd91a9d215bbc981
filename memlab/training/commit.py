"""The commit of memlab's own code, where it runs from a checkout."""

import os
import subprocess
from pathlib import Path

import memlab

_PATIENCE_SECONDS = 10.0  # of a slow disk; the commit is good to know, but nothing waits for it


def commit(root: Path = Path(memlab.__file__).parents[1]) -> str | None:
    """Its first twelve digits, with `-dirty` where a file differs from it; None where `root` is no checkout or there is no git.

    A checkout of something else around the folder in which memlab is installed does not count.
    """
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        found = subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
