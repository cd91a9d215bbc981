"""What a run will be and take, before it starts: measured in a child process, so that the caller needs no torch."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memlab import config
from memlab.errors import MemlabError, UsageError
from memlab.training import launch


def plan(experiment: config.Experiment, home: Path, progress: Callable[[dict[str, Any]], None] = lambda work: None) -> dict[str, Any]:
    """N, D, steps, epochs, floors, seconds, memory and disk of a run on this device; see `training.estimate.plan`.

    Builds the corpus if this home does not have it. Raises the error that the run itself would end with.
    """
    found = None
    with tempfile.TemporaryFile("w+") as complaints:
        with _probe(home, complaints) as child:
            try:
                with contextlib.suppress(BrokenPipeError):  # it has ended already, and says why
                    child.stdin.write(json.dumps(config.to_dict(experiment)) + "\n")
                    child.stdin.flush()
                for line in child.stdout:
                    message = json.loads(line)
                    found = message.get("plan", found)
                    if "work" in message:
                        progress(message["work"])
            except BaseException:
                child.kill()
                raise
        if found is None:
            complaints.seek(0)
            raise _failure(child.returncode, complaints.read().strip())
    return found


def _probe(home: Path, complaints: Any) -> subprocess.Popen:
    command = [sys.executable, "-m", "memlab.training.estimate"]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, env=launch.environment(home)
    )


def _failure(status: int, complaint: str) -> Exception:
    """The error that the probe ended with: its last line, or all of it where it is a bug of ours."""
    if "Traceback" in complaint:
        return RuntimeError(f"the probe failed\n{complaint}")
    words = complaint.splitlines() or [f"the probe ended with status {status}"]
    return (UsageError if status == UsageError.exit_status else MemlabError)(words[-1])
